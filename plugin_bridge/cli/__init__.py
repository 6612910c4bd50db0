"""The command line: one file per command, thin.

__main__   where it begins
interrupt  Ctrl-C
main       the program `plugin-bridge` and its exit codes
terminal   sentences on stderr, JSON on stdout
render     plugin-bridge render
devices    plugin-bridge devices
doctor     plugin-bridge doctor
models     plugin-bridge models list | show | check
presets    plugin-bridge presets list | show | check | schema | trust

Commands import what they need when they run, so that `--help` is quick.
"""
