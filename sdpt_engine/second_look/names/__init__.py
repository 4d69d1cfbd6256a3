"""Which of the person's classes a box shows, if any: logistic regression on frozen features of the cut-out."""
