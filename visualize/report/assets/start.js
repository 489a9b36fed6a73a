// Every element with data-widget names what it becomes and the data it shows.

const WIDGETS = {
  images: mountImages,
  player: (host, data) => new Player(host, data),
};

for (const host of document.querySelectorAll("[data-widget]")) {
  WIDGETS[host.dataset.widget](host, readData(host.dataset.source));
}
