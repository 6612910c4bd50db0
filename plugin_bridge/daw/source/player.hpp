// The audio thread's half: host blocks in, hops in their places out, and something bearable where
// one is missing. The law is that of live/player.py.
//
// Rules of this file
//   1. No system call, no allocation, no lock, except where the host renders offline: then it waits.
//   2. Every sample has its place: output T is input T - latency. What comes too late is not played.
//   3. What is missing is its predecessor's overlap tail, then silence; what follows fades in.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "parameters.hpp"
#include "protocol.hpp"

namespace bridge {

// The engine's time line, as it was agreed; read once and kept.
struct Course {
    uint64_t ready = 0;
    uint32_t hop = 0;
    uint32_t latency = 0;
};

// Whether the engine says it is ready for this epoch, with numbers that can be.
bool read_course(const Shared& shared, uint64_t epoch, Course& course);

// What the host has to be told for a course and its largest block.
uint32_t latency_of(const Course& course, uint32_t max_block);
Course usual_course(double rate);

class Player {
public:
    // [main] Room for a rate and a block; begins a stream. Allocates only where more is needed.
    void prepare(Shared* shared, uint64_t epoch, uint32_t latency, double rate, uint32_t max_block);

    // [audio] A parameter or a MIDI message, written on a sample of the block that comes next.
    void post(uint32_t at, uint32_t index, float value);

    // [audio] The parameters at the next block's begin; before its messages.
    void send(const float* values);

    // [audio] Take a block and give one.
    void run(const float* const* in, float* const* out, uint32_t count, bool offline);

    // Set by the audio thread: the engine needs more latency than was reported.
    std::atomic<bool> too_late{false};
    std::atomic<bool> plays{false};
    std::atomic<uint64_t> misses{0};

private:
    void take(const float* const* in, uint32_t count);
    void adopt();
    void play(float* const* out, uint32_t count, bool offline);
    bool present(uint64_t hop, bool offline);
    bool fetch(uint64_t hop);
    void give(float* const* out, uint32_t at, uint32_t from, uint32_t count);
    void cover(float* const* out, uint32_t at, uint32_t from, uint32_t count, uint64_t hop);
    void add_tail(float* const* out, uint32_t at, uint32_t count);
    void bypass(float* const* out, uint32_t count);

    using Row = std::array<float, LONGEST_HOP>;
    Shared* shared_ = nullptr;
    uint64_t epoch_ = 0, position_ = 0, commands_ = 0;
    uint32_t latency_ = 0;
    std::array<float, VALUES> sent_{};

    Course course_;
    int64_t delay_ = 0;           // from the engine's time line to the host's
    uint64_t held_ = 0;           // the hop that is in `samples_`, plus 1
    uint64_t missed_ = 0;         // the last hop that was counted, plus 1
    uint64_t tried_ = 0;          // a hop that was found damaged, plus 1
    uint32_t risen_ = 0;          // samples of the fade that have been played
    uint32_t faded_ = 0;          // samples of the tail that have been played
    bool gave_up_ = false;        // until an engine has come
    uint32_t side_ = 0;           // where that is in `samples_` and `tails_`: 0 or OUTPUTS
    std::vector<Row> samples_, tails_, fading_;
    Row ramp_{};

    std::vector<float> dry_[INPUTS];
    uint64_t dry_mask_ = 0;
    float dry_share_ = 0, dry_target_ = 0, dry_step_ = 0;
    struct Turn { uint64_t at; float target; };
    std::array<Turn, 64> turns_{};  // of the bypass, on their way
    uint32_t turns_written_ = 0, turns_read_ = 0;
};

}  // namespace bridge
