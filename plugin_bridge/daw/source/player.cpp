#include "player.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>

namespace bridge {

namespace {

constexpr uint64_t SAMPLE_MASK = RING - 1, HOP_MASK = HOPS - 1, COMMAND_MASK = COMMANDS - 1;
// Offline the plugin waits so long for a hop, looking so often.
constexpr uint64_t WAIT_NS = 10'000'000'000, LOOK_NS = 50'000;
constexpr double BYPASS_SECONDS = 0.005;

uint64_t now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return uint64_t(t.tv_sec) * 1'000'000'000 + uint64_t(t.tv_nsec);
}

void pause_ns(uint64_t ns) {
    const timespec t{0, long(ns)};
    nanosleep(&t, nullptr);
}

// Copy between a ring and a row, and the bits' sum on the way; what is no number becomes silence.
uint64_t from_ring(const float* ring, uint64_t start, uint32_t count, float* row) {
    const uint32_t first = std::min<uint32_t>(count, RING - uint32_t(start & SAMPLE_MASK));
    std::memcpy(row, ring + (start & SAMPLE_MASK), first * sizeof(float));
    std::memcpy(row + first, ring, (count - first) * sizeof(float));
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; ++i) {
        uint32_t bits;
        std::memcpy(&bits, row + i, sizeof bits);
        total += bits;
        if ((bits & 0x7f800000) == 0x7f800000) bits = 0;
        std::memcpy(row + i, &bits, sizeof bits);
    }
    return total;
}

}  // namespace

bool operator==(const Course& one, const Course& other) {
    return one.ready == other.ready && one.hop == other.hop && one.latency == other.latency;
}

bool read_course(const Shared& shared, uint64_t epoch, Course& course) {
    const uint64_t ready = read(shared.ready);
    if (ready == 0 || epoch_of(ready) != epoch || count_of(ready) == 0) return false;
    const uint32_t hop = read(shared.hop), latency = read(shared.engine_latency);
    if (hop < SHORTEST_HOP || hop > LONGEST_HOP || latency > MOST_LATENCY) return false;
    course = {ready, hop, latency};
    return true;
}

// The worst case: a hop is taken when its last sample is there (hop - 1), and the engine has the
// time of the larger of block and hop, and of one hop, to give it.
uint32_t latency_of(const Course& course, uint32_t max_block) {
    return course.latency + (course.hop - 1) + std::max(max_block, course.hop) + course.hop;
}

Course usual_course(double rate) {
    const double scale = std::exp2(std::round(std::log2(std::max(rate, 1000.0) / MODEL_RATE)));
    const auto scaled = [scale](uint32_t n) {
        return std::clamp(uint32_t(n * scale), SHORTEST_HOP, LONGEST_HOP);
    };
    return {0, scaled(MODEL_HOP), scaled(MODEL_LATENCY)};
}

void Player::prepare(Shared* shared, uint64_t epoch, uint32_t latency, double rate,
                     uint32_t max_block) {
    shared_ = shared;
    epoch_ = epoch;
    latency_ = latency;
    position_ = commands_ = 0;
    samples_.resize(2 * OUTPUTS);
    tails_.resize(2 * OUTPUTS);
    fading_.resize(OUTPUTS);
    size_t needed = 1;
    while (needed < size_t(latency) + max_block) needed *= 2;
    for (auto& row : dry_) {
        row.resize(std::max(row.size(), needed));
        std::fill(row.begin(), row.end(), 0.f);
    }
    dry_mask_ = dry_[0].size() - 1;
    dry_step_ = float(1.0 / std::max(1.0, BYPASS_SECONDS * rate));
    turns_written_ = turns_read_ = 0;
    course_ = {};
    held_ = missed_ = tried_ = 0;
    risen_ = faded_ = 0;
    too_late = plays = false;
    sent_.fill(NAN);  // all are sent at the first block
    dry_share_ = dry_target_ = -1;
}

void Player::run(const float* const* in, float* const* out, uint32_t count, bool offline) {
    write(shared_->commands_written, stamp(epoch_, commands_));
    write(shared_->offline, uint32_t(offline));
    take(in, count);
    adopt();
    play(out, count, offline);
    bypass(out, count);
    position_ += count;
    write(shared_->misses, misses.load(std::memory_order_relaxed));
}

void Player::send(const float* values) {
    for (uint32_t i = 0; i < VALUES; ++i) {
        if (values[i] == sent_[i]) continue;
        sent_[i] = values[i];
        write(shared_->values[i], values[i]);
        if (i == BYPASS) {
            const float target = values[i] > 0.5f ? 1.f : 0.f;
            if (position_ == 0) {
                dry_share_ = dry_target_ = target;
            } else {
                const Turn turn{position_ + latency_, target};
                const bool full = turns_written_ - turns_read_ == turns_.size();
                turns_[(full ? turns_written_ - 1 : turns_written_++) % turns_.size()] = turn;
            }
            continue;
        }
        post(0, i, values[i]);
    }
}

void Player::post(uint32_t at, uint32_t index, float value) {
    Command& command = shared_->commands[commands_ & COMMAND_MASK];
    const uint64_t mark = stamp(epoch_, ++commands_), position = position_ + at;
    write(command.after, uint64_t{0});
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    write(command.before, mark);
    write(command.position, int64_t(position));
    write(command.index, index);
    write(command.value, value);
    write(command.checksum, position + index + bits);
    write(command.after, mark);
}

void Player::take(const float* const* in, uint32_t count) {
    const uint32_t start = uint32_t(position_ & SAMPLE_MASK);
    const uint32_t first = std::min(count, RING - start);
    for (uint32_t c = 0; c < INPUTS; ++c) {
        std::memcpy(shared_->input[c] + start, in[c], first * sizeof(float));
        std::memcpy(shared_->input[c], in[c] + first, (count - first) * sizeof(float));
        for (uint32_t i = 0; i < count; ++i) dry_[c][(position_ + i) & dry_mask_] = in[c][i];
    }
    write(shared_->written, stamp(epoch_, position_ + count));
}

// Follow an engine that has come, be it the first or another one.
void Player::adopt() {
    Course found;
    if (!read_course(*shared_, epoch_, found) || found == course_) return;
    const uint32_t needed = found.latency + (found.hop - 1);
    too_late = needed + found.hop > latency_;
    if (too_late) return;
    // Where nothing has been played yet, the first hop is no return from a gap.
    const bool first = course_.hop == 0 && missed_ == 0;
    // Where the hops lie as before, what is held is played on, and goes over into the next one.
    const bool in_step = course_.hop == found.hop && course_.latency == found.latency;
    course_ = found;
    tried_ = 0;
    gave_up_ = false;
    if (in_step) return;
    delay_ = int64_t(latency_) - int64_t(found.latency);
    held_ = 0;
    risen_ = first ? found.hop : 0;
    faded_ = found.hop;
    for (uint32_t i = 0; i < found.hop; ++i) {
        const double s = std::sin(M_PI / 2 * i / found.hop);
        ramp_[i] = float(s * s);
    }
}

void Player::play(float* const* out, uint32_t count, bool offline) {
    uint32_t done = 0;
    while (done < count) {
        if (course_.hop == 0 && offline) present(0, offline);
        const int64_t at = int64_t(position_ + done) - delay_;
        if (course_.hop == 0) {  // no engine so far
            // Before the first sample could be heard nothing is missing.
            const bool due = position_ + count > latency_;
            if (due) {
                misses.fetch_add(missed_ == 0, std::memory_order_relaxed);
                missed_ = 1;
                write(shared_->missed_samples, shared_->missed_samples + (count - done));
            }
            for (uint32_t c = 0; c < OUTPUTS; ++c)
                std::memset(out[c] + done, 0, (count - done) * sizeof(float));
            return;
        }
        uint32_t part = count - done;
        if (at < 0) {
            part = uint32_t(std::min<int64_t>(part, -at));
            for (uint32_t c = 0; c < OUTPUTS; ++c) std::memset(out[c] + done, 0, part * sizeof(float));
        } else {
            const uint64_t hop = uint64_t(at) / course_.hop;
            const uint32_t from = uint32_t(uint64_t(at) % course_.hop);
            part = std::min(part, course_.hop - from);
            if (present(hop, offline)) give(out, done, from, part);
            else cover(out, done, from, part, hop);
        }
        done += part;
    }
}

// Tell whether a hop is there; offline wait for it, and for an engine, up to ten seconds.
bool Player::present(uint64_t hop, bool offline) {
    if (course_.hop && (held_ == hop + 1 || fetch(hop))) return true;
    if (!offline || gave_up_) return false;
    const Course before = course_;
    const uint64_t begin = now_ns();
    while (now_ns() - begin < WAIT_NS) {
        pause_ns(LOOK_NS);
        adopt();
        if (course_.hop == 0) {
            const bool refused = read(shared_->ready) == stamp(epoch_, 0);
            if (too_late || refused) break;
            continue;
        }
        // The first engine, or another model: where its hops lie was not known before.
        if (before.hop != course_.hop || before.latency != course_.latency) return false;
        if (fetch(hop)) return true;
        // From before a new engine came, or damaged: it will not be made any more.
        if (hop + 1 < count_of(course_.ready) || tried_ == hop + 1) return false;
    }
    gave_up_ = true;
    return false;
}

bool Player::fetch(uint64_t hop) {
    const Hop& record = shared_->hops[hop & HOP_MASK];
    const uint64_t mark = stamp(epoch_, hop + 1);
    if (tried_ == hop + 1 || read(record.after) != mark) return false;
    const uint64_t start = hop * course_.hop, checksum = read(record.checksum);
    // Beside the hop that is held: its tail is wanted if this one is not whole.
    const uint32_t side = OUTPUTS - side_;
    bool whole = read(record.position) == int64_t(start) && read(record.samples) == course_.hop &&
                 read(record.outputs) == OUTPUTS;
    if (whole) {
        uint64_t total = start;
        for (uint32_t c = 0; c < OUTPUTS; ++c) {
            total += from_ring(shared_->output[c], start, course_.hop, samples_[side + c].data());
            total += 3 * from_ring(shared_->tails[c], start, course_.hop, tails_[side + c].data());
        }
        whole = total == checksum;
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    if (read(record.before) != mark || read(record.after) != mark) return false;  // being rewritten
    if (!whole) {
        tried_ = hop + 1;
        write(shared_->damaged, shared_->damaged + 1);
        return false;
    }
    held_ = hop + 1;
    gave_up_ = false;
    side_ = side;
    plays.store(true, std::memory_order_relaxed);
    return true;
}

void Player::give(float* const* out, uint32_t at, uint32_t from, uint32_t count) {
    for (uint32_t c = 0; c < OUTPUTS; ++c)
        std::memcpy(out[c] + at, samples_[side_ + c].data() + from, count * sizeof(float));
    if (risen_ < course_.hop) {
        const uint32_t part = std::min(count, course_.hop - risen_);
        for (uint32_t c = 0; c < OUTPUTS; ++c)
            for (uint32_t i = 0; i < part; ++i) out[c][at + i] *= ramp_[risen_ + i];
        risen_ += part;
    }
    add_tail(out, at, count);
}

void Player::cover(float* const* out, uint32_t at, uint32_t from, uint32_t count, uint64_t hop) {
    if (missed_ != hop + 1) {
        missed_ = hop + 1;
        misses.fetch_add(1, std::memory_order_relaxed);
    }
    write(shared_->missed_samples, shared_->missed_samples + count);
    // A gap begins where a hop has just ended: its tail, as loud as it was, and what is left of
    // another one.
    if (risen_ && from == 0 && held_ != 0 && held_ == hop) {
        const float loudness = risen_ >= course_.hop ? 1.f : ramp_[risen_];
        const uint32_t left = course_.hop - faded_;
        for (uint32_t c = 0; c < OUTPUTS; ++c)
            for (uint32_t i = 0; i < course_.hop; ++i)
                fading_[c][i] = loudness * tails_[side_ + c][i] + (i < left ? fading_[c][faded_ + i] : 0.f);
        faded_ = 0;
    }
    risen_ = 0;
    held_ = 0;
    for (uint32_t c = 0; c < OUTPUTS; ++c) std::memset(out[c] + at, 0, count * sizeof(float));
    add_tail(out, at, count);
}

void Player::add_tail(float* const* out, uint32_t at, uint32_t count) {
    const uint32_t part = std::min(count, course_.hop - std::min(faded_, course_.hop));
    for (uint32_t c = 0; c < OUTPUTS; ++c)
        for (uint32_t i = 0; i < part; ++i) out[c][at + i] += fading_[c][faded_ + i];
    faded_ += part;
}

// The input, as late as everything else, on the main output; the other buses are silent then.
void Player::bypass(float* const* out, uint32_t count) {
    if (turns_read_ == turns_written_ && dry_share_ == dry_target_ && dry_share_ <= 0.f) return;
    for (uint32_t i = 0; i < count; ++i) {
        while (turns_read_ != turns_written_ &&
               turns_[turns_read_ % turns_.size()].at <= position_ + i)
            dry_target_ = turns_[turns_read_++ % turns_.size()].target;
        if (dry_share_ < dry_target_) dry_share_ = std::min(dry_target_, dry_share_ + dry_step_);
        if (dry_share_ > dry_target_) dry_share_ = std::max(dry_target_, dry_share_ - dry_step_);
        if (dry_share_ <= 0.f) continue;
        const uint64_t at = position_ + i;
        for (uint32_t c = 0; c < OUTPUTS; ++c) {
            const float dry =
                c < INPUTS && at >= latency_ ? dry_[c][(at - latency_) & dry_mask_] : 0.f;
            out[c][i] = dry_share_ >= 1.f ? dry : dry_share_ * dry + (1.f - dry_share_) * out[c][i];
        }
    }
}

}  // namespace bridge
