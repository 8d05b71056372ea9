"""Where scenes go: one sink a file. Those that need the annotated picture are given `render`.

Import what you need from its own module: the video sink loads PyAV, the console does not.
"""
