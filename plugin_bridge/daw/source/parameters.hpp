// The parameters, in the order that projects save them by; the table is in ../protocol.py.

#pragma once

#include <cstdint>

namespace bridge {

constexpr const char* STEMS[] = {"vocals", "drums", "bass", "other"};
constexpr const char* STEM_NAMES[] = {"Vocals", "Drums", "Bass", "Other"};
constexpr uint32_t STEM_COUNT = 4;

struct Strip {
    const char* symbol;
    const char* name;
    float least, most;
    bool is_switch;
};
// Of every stem; added to what the preset says.
constexpr Strip STRIP[] = {
    {"gain_db", "gain", -60.f, 12.f, false},
    {"balance", "balance", -1.f, 1.f, false},
    {"mute", "mute", 0.f, 1.f, true},
    {"solo", "solo", 0.f, 1.f, true},
};
constexpr uint32_t STRIP_COUNT = 4;

constexpr uint32_t PRESET = STEM_COUNT * STRIP_COUNT;  // 0: none
constexpr uint32_t BYPASS = PRESET + 1;
constexpr uint32_t VALUES = BYPASS + 1;  // what the engine is told
constexpr uint32_t STATE = VALUES;       // what the plugin tells
constexpr uint32_t MISSES = STATE + 1;
constexpr uint32_t PARAMETERS = MISSES + 1;
constexpr float MOST_PRESETS = 127.f;
static_assert(VALUES <= 64, "they fit into Shared::values");

constexpr const char* STATE_NAMES[] = {
    "playing",       "no engine: run plugin-bridge daw serve",
    "preparing",     "engine lost, starting anew",
    "engine is of another version", "needs more latency: restart audio",
    "sample rate not supported",    "runtime folder is not private",
    "shared memory damaged",        "preset is not installed",
    "preset has changed",           "engine failed: see plugin-bridge daw status",
};

}  // namespace bridge
