"""The simulated body: model, segments, poses, kinematics, clean-up."""
