// What DPF asks every plugin; see its documentation.

#pragma once

#define DISTRHO_PLUGIN_BRAND "plugin_bridge"
#define DISTRHO_PLUGIN_NAME "StemBridge"
#define DISTRHO_PLUGIN_URI "urn:plugin-bridge:stem-bridge"
#define DISTRHO_PLUGIN_CLAP_ID "plugin-bridge.stem-bridge"
#define DISTRHO_PLUGIN_CLAP_FEATURES "audio-effect", "stereo", "utility"
#define DISTRHO_PLUGIN_VST3_CATEGORIES "Fx|Tools"
#define DISTRHO_PLUGIN_NUM_INPUTS 2
#define DISTRHO_PLUGIN_NUM_OUTPUTS 10
#define DISTRHO_PLUGIN_IS_RT_SAFE 1
#define DISTRHO_PLUGIN_HAS_UI 0
#define DISTRHO_PLUGIN_WANT_LATENCY 1
#define DISTRHO_PLUGIN_WANT_MIDI_INPUT 1
#define DISTRHO_PLUGIN_WANT_STATE 1
#define DISTRHO_PLUGIN_WANT_FULL_STATE 1
