"""The main job, `rushlight train`: images come in, a trained network and a report on it go out.

command   the options of the command line, and the order of events
sources   which images
model     the network
run       one training: its parts, its state, an epoch, an evaluation
progress  what is printed while it runs
report    accuracy and the confusion table, as text
pictures  the loss curve and the misclassified images, as PNG
"""
