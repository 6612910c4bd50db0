"""The plugin for DAWs: what it shares with its engine, its C++ source, and its build."""
