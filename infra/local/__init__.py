"""The local stage: an embedded AWS on 127.0.0.1 that runs the unchanged stack.

`engine` is MiniStack with the corrections of `patches`; `deploy` brings a cloud assembly into it;
`front` plays the distribution and `ticker` the clock; `supervisor` owns these in the background;
`stage` brings all of it up and down. Nothing here is part of a deployment into AWS.
"""
