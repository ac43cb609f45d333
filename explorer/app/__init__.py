"""The explorer in the browser, on Gradio: what is shown is computed elsewhere."""
