"""The labelling canvas: a Gradio component around our own browser code."""
