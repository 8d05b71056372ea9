"""`python -m edge.doctor`: whether the app can run on this machine, and what to do if not.

Each file looks at one thing and returns findings. None of them imports what it looks at: packages
are tried in processes of their own, because a broken one can take its process with it.
"""
