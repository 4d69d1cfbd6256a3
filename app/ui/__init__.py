"""The pages: everything that knows Gradio."""
