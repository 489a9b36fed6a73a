"""Pure geometry between motion representations; numpy in, numpy out."""
