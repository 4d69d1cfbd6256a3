"""FiftyOne beside the app: its processes, what is pushed and pulled, its plugin, and what its Brain finds.

    app server -- FiftyOneService --+-- mongod          own folder under the workspace, or somebody's by URI
                                    +-- front           FiftyOne's server behind our gate, with our plugin
                                    +-- mirror          push, pull, Brain; the only writer beside the plugin

The app itself never imports fiftyone. All of it is loopback only, and lies in <state>/fiftyone.
"""
