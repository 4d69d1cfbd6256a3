"""What labelling a whole set costs a person: a simulated annotator at the real application."""
