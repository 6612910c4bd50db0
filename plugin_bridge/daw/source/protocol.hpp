// What plugin and engine share; the C++ side of the table in ../protocol.py.
//
// Rules of this file
//   1. Every field has one writer, named beside it. The other side trusts nothing it reads: sizes
//      are these constants, indices are masked, records are checked.
//   2. A stamp is an epoch (one per activation) in its upper 24 bits and a count in its lower 40.
//      So a reader never takes anything of an earlier activation for new.
//   3. Order of stores is that of x86-64: what is written first is seen first. Elsewhere the
//      engine is refused.

#pragma once

#include <cstddef>
#include <cstdint>

#if !defined(__x86_64__) || !defined(__linux__)
#error "The plugin is for Linux on x86-64: other processors may reorder what plugin and engine share."
#endif

namespace bridge {

constexpr uint64_t MAGIC = 0x5741442d42474450;
constexpr uint32_t VERSION = 3;

constexpr uint32_t INPUTS = 2, OUTPUTS = 10;
// Samples of each ring, hops described and commands on their way: powers of two.
constexpr uint32_t RING = 65536, HOPS = 1024, COMMANDS = 4096;
constexpr uint32_t SHORTEST_HOP = 64, LONGEST_HOP = 4096;
// Beyond these a latency or a block would not fit into the rings.
constexpr uint32_t LONGEST_BLOCK = 16384, MOST_LATENCY = 16384;
constexpr uint32_t TEXT = 16384;
constexpr uint32_t COUNT_BITS = 40;
// The index of a command that is no parameter: its value is a MIDI message, three bytes as a number.
constexpr uint32_t MIDI = 64;

// What is reported while no engine has said better: that of the shipped model.
constexpr double MODEL_RATE = 44100.0;
constexpr uint32_t MODEL_HOP = 256, MODEL_LATENCY = 256;

// Where a hop or a command is. `before` is stored first, `after` last; both are its stamp.
struct Hop {
    uint64_t before;
    int64_t position;   // of its first sample on the engine's time line
    uint32_t samples;
    uint32_t outputs;
    uint64_t checksum;  // see `sum`
    uint64_t after;
};

struct Command {
    uint64_t before;
    int64_t position;   // the input sample that it was written on
    uint32_t index;     // of the parameter, or MIDI
    float value;
    uint64_t checksum;
    uint64_t after;
};

struct Text {
    uint64_t before;    // 0: none
    uint32_t length;
    uint32_t unused;
    uint64_t checksum;
    uint64_t after;
    char text[TEXT];    // UTF-8 without an end
};

struct Shared {
    // the plugin, once
    uint64_t magic;
    uint32_t version;
    uint32_t bytes;
    // the plugin, at activation
    alignas(64) double rate;
    uint32_t max_block;
    uint32_t latency;          // reported to the host, 0: not yet known
    // the plugin's audio thread
    alignas(64) uint64_t written;   // stamp: input samples
    uint64_t commands_written;      // stamp
    uint64_t misses;                // hops that were not there in time
    uint64_t missed_samples;
    uint64_t damaged;               // hops whose record or checksum was wrong
    uint32_t offline;
    uint32_t active;
    // the engine
    alignas(64) uint64_t engine_clock;  // monotonic, ns
    uint64_t ready;                 // stamp: the hop it begins with, plus 1; 0: no engine
    uint32_t hop;
    uint32_t engine_latency;        // input to output on the engine's time line
    uint64_t hops_done;
    uint64_t hops_skipped;
    uint32_t verdict;               // why it does not play, or what is wrong with the preset
    uint32_t unused;
    alignas(64) float values[64];   // the plugin's audio thread: the parameters as last sent
    alignas(64) Text project;       // the plugin, at activation: presets by index
    alignas(64) Text presets;       // the engine
    alignas(64) Command commands[COMMANDS];
    alignas(64) Hop hops[HOPS];
    alignas(64) float input[INPUTS][RING];
    alignas(64) float output[OUTPUTS][RING];
    alignas(64) float tails[OUTPUTS][RING];  // what may be played after a hop if the next is late
};

static_assert(sizeof(Hop) == 40 && sizeof(Command) == 40, "records have no holes");
static_assert(HOPS * SHORTEST_HOP == RING, "each hop in the ring has a record");

// What the two say on the socket: the plugin first, with the memory's descriptor beside it.
struct Greeting {
    uint64_t magic;
    uint32_t version;
    uint32_t bytes;    // of the shared memory
    uint32_t verdict;  // of the engine: OK or OTHER_VERSION
    uint32_t unused;
};

// Shown by the parameter "state".
enum Condition : uint32_t {
    PLAYING = 0,
    NO_ENGINE = 1,       // nobody serves
    PREPARING = 2,       // the engine starts
    ENGINE_LOST = 3,     // it ended or hangs, another is on its way
    OTHER_VERSION = 4,
    LATENCY = 5,         // it needs more latency than was reported; activate anew
    RATE = 6,            // the model does not run at this rate
    UNSAFE_FOLDER = 7,   // the runtime folder or the server is not the user's own
    DAMAGED = 8,         // what is shared has been overwritten; a new engine is on its way
    PRESET_MISSING = 9,  // the project's preset is not installed; faders without it
    PRESET_CHANGED = 10, // it is not the one the project was saved with
    FAILED = 11,         // the engine could not start
    STATES = 12
};

constexpr uint64_t stamp(uint64_t epoch, uint64_t count) {
    return (epoch << COUNT_BITS) | (count & ((uint64_t{1} << COUNT_BITS) - 1));
}
constexpr uint64_t epoch_of(uint64_t stamped) { return stamped >> COUNT_BITS; }
constexpr uint64_t count_of(uint64_t stamped) { return stamped & ((uint64_t{1} << COUNT_BITS) - 1); }

// Acquire and release of what the other process writes; neither is more than a move on x86-64.
template <class T> T read(const T& place) { T v; __atomic_load(&place, &v, __ATOMIC_ACQUIRE); return v; }
template <class T> void write(T& place, T v) { __atomic_store(&place, &v, __ATOMIC_RELEASE); }

// Sum of words, in 64 bits; of a hop: samples, three times the tails, and its position.
inline uint64_t sum(const uint32_t* words, uint32_t count) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; ++i) total += words[i];
    return total;
}

}  // namespace bridge
