// A CLAP host for tests: loads a plugin, plays a signal through it, writes what comes out.
//
// usage: host PLUGIN.clap RATE MAX_BLOCK OFFLINE IN.f32 OUT.f32 [COMMAND ...]
//   IN is interleaved stereo, OUT interleaved with all channels. Commands, in order:
//   block N          blocks of N samples from here on; 0: of random sizes up to MAX_BLOCK
//   set SAMPLE ID V  move a parameter at the first block that begins at or after SAMPLE
//   midi SAMPLE HEX  send a message on SAMPLE, of its block
//   run SAMPLES      process so many
//   pace             live: no faster than the clock from here on
//   until ID V       process silence until the parameter has this value, 60 s at most
//   signal TEXT      print TEXT and wait for a line on standard input, processing meanwhile
//   save FILE, load FILE    the state
//   restart          deactivate and activate
//   time FILE        write ns per block, as text
//   get ID           print the parameter
//   strict BLOCKS    process so many on a thread that may make no system call, else all is killed;
//                    print how often it has asked for memory

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "clap/entry.h"
#include "clap/ext/audio-ports.h"
#include "clap/ext/latency.h"
#include "clap/ext/note-ports.h"
#include "clap/ext/params.h"
#include "clap/ext/state.h"
#include "clap/plugin-factory.h"

namespace {

thread_local bool strict = false;
std::atomic<int> allocations{0};

}  // namespace

#ifndef __SANITIZE_ADDRESS__
// In place of the C library's, for everything in this process.
extern "C" void* __libc_malloc(size_t);
extern "C" void __libc_free(void*);
extern "C" void* malloc(size_t size) {
    if (strict) ++allocations;
    return __libc_malloc(size);
}
extern "C" void free(void* at) {
    if (strict && at) ++allocations;
    __libc_free(at);
}
#endif

namespace {

using Clock = std::chrono::steady_clock;

struct Render {
    bool (*has_hard_realtime_requirement)(const clap_plugin_t*);
    bool (*set)(const clap_plugin_t*, int32_t);
};
struct Move { uint64_t at; clap_id id; double value; };
struct Message { uint64_t at; uint8_t bytes[3]; };
union Event {
    clap_event_header_t header;
    clap_event_param_value_t value;
    clap_event_midi_t midi;
};

int restarts = 0, latency_changes = 0;
const clap_host_latency_t latency_extension = {[](const clap_host_t*) { ++latency_changes; }};

const void* extension(const clap_host_t*, const char* id) {
    return std::strcmp(id, CLAP_EXT_LATENCY) == 0 ? &latency_extension : nullptr;
}

[[noreturn]] void fail(const char* why) {
    std::fprintf(stderr, "host: %s\n", why);
    std::exit(1);
}

template <class T> T must(T found, const char* why) {
    if (!found) fail(why);
    return found;
}

class Player {
public:
    Player(const clap_plugin_t* plugin, double rate, uint32_t most, bool offline, const char* in)
        : plugin_(plugin), rate_(rate), most_(most), offline_(offline), block_(most) {
        std::ifstream file(in, std::ios::binary);
        const std::vector<char> raw{std::istreambuf_iterator<char>(file), {}};
        signal_.resize(raw.size() / sizeof(float));
        std::memcpy(signal_.data(), raw.data(), signal_.size() * sizeof(float));
        const auto* ports = get<clap_plugin_audio_ports_t>(CLAP_EXT_AUDIO_PORTS);
        const uint32_t count = ports->count(plugin, false);
        for (uint32_t i = 0; i < count; ++i) {
            clap_audio_port_info_t info{};
            ports->get(plugin, i, false, &info);
            widths_.push_back(info.channel_count);
            channels_ += info.channel_count;
            std::printf("port %u %s %u\n", i, info.name, info.channel_count);
        }
        const auto* notes = get<clap_plugin_note_ports_t>(CLAP_EXT_NOTE_PORTS);
        if (notes->count(plugin, true) != 1) fail("it takes no MIDI");
        activate();
    }

    void activate() {
        const auto* render = get<Render>("clap.render");
        if (!render->set(plugin_, offline_ ? 1 : 0)) fail("it takes no render mode");
        if (!plugin_->activate(plugin_, rate_, 1, most_)) fail("it cannot be activated");
        plugin_->start_processing(plugin_);
        print_latency();
        at_ = 0;
        started_ = Clock::now();
        paced_ = 0;
    }

    void print_latency() {
        std::printf("latency %u\n", get<clap_plugin_latency_t>(CLAP_EXT_LATENCY)->get(plugin_));
        std::fflush(stdout);
    }

    void deactivate() {
        plugin_->stop_processing(plugin_);
        plugin_->deactivate(plugin_);
    }

    // Process one block of the signal, or of silence behind its end.
    void step(uint32_t count) {
        std::vector<std::vector<float>> in(2, std::vector<float>(count));
        for (uint32_t i = 0; i < count; ++i)
            for (uint32_t c = 0; c < 2; ++c) {
                const size_t k = 2 * (at_ + i) + c;
                in[c][i] = k < signal_.size() ? signal_[k] : 0.f;
            }
        std::vector<std::vector<float>> out(channels_, std::vector<float>(count, NAN));
        float* in_rows[] = {in[0].data(), in[1].data()};
        clap_audio_buffer_t input{in_rows, nullptr, 2, 0, 0};
        std::vector<std::vector<float*>> rows;
        std::vector<clap_audio_buffer_t> outputs;
        uint32_t next = 0;
        for (const uint32_t width : widths_) {
            rows.emplace_back();
            for (uint32_t c = 0; c < width; ++c) rows.back().push_back(out[next++].data());
        }
        for (auto& row : rows) outputs.push_back({row.data(), nullptr, uint32_t(row.size()), 0, 0});
        std::vector<Event> events;
        while (!moves_.empty() && moves_.front().at <= at_) {
            clap_event_param_value_t event{};
            event.header = {sizeof event, 0, 0, CLAP_EVENT_PARAM_VALUE, 0};
            event.param_id = moves_.front().id;
            event.value = moves_.front().value;
            events.emplace_back().value = event;
            moves_.erase(moves_.begin());
        }
        while (!messages_.empty() && messages_.front().at < at_ + count) {
            clap_event_midi_t event{};
            const auto time = uint32_t(messages_.front().at - at_);
            event.header = {sizeof event, time, 0, CLAP_EVENT_MIDI, 0};
            std::memcpy(event.data, messages_.front().bytes, 3);
            events.emplace_back().midi = event;
            messages_.erase(messages_.begin());
        }
        const clap_input_events_t events_in = {
            &events,
            [](const clap_input_events_t* l) {
                return uint32_t(static_cast<std::vector<Event>*>(l->ctx)->size());
            },
            [](const clap_input_events_t* l, uint32_t i) {
                return static_cast<const clap_event_header_t*>(
                    &(*static_cast<std::vector<Event>*>(l->ctx))[i].header);
            }};
        const clap_output_events_t events_out = {
            nullptr, [](const clap_output_events_t*, const clap_event_header_t*) { return true; }};
        clap_process_t process{};
        process.steady_time = int64_t(at_);
        process.frames_count = count;
        process.audio_inputs = &input;
        process.audio_outputs = outputs.data();
        process.audio_inputs_count = 1;
        process.audio_outputs_count = uint32_t(outputs.size());
        process.in_events = &events_in;
        process.out_events = &events_out;
        if (pacing_) {
            paced_ += count;
            std::this_thread::sleep_until(started_ + std::chrono::duration<double>(paced_ / rate_));
        }
        const auto begin = Clock::now();
        if (plugin_->process(plugin_, &process) == CLAP_PROCESS_ERROR) fail("process failed");
        times_.push_back(
            std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count());
        for (uint32_t i = 0; i < count; ++i)
            for (uint32_t c = 0; c < channels_; ++c) recorded_.push_back(out[c][i]);
        at_ += count;
    }

    // Blocks of noise, on a thread that may only end.
    void step_strictly(int blocks) {
        std::vector<float> in(2 * most_, 0.25f), out(channels_ * most_);
        float* in_rows[] = {in.data(), in.data() + most_};
        std::vector<float*> rows;
        for (uint32_t c = 0; c < channels_; ++c) rows.push_back(out.data() + c * most_);
        clap_audio_buffer_t input{in_rows, nullptr, 2, 0, 0};
        std::vector<clap_audio_buffer_t> outputs;
        uint32_t next = 0;
        for (const uint32_t width : widths_) {
            outputs.push_back({rows.data() + next, nullptr, width, 0, 0});
            next += width;
        }
        const clap_input_events_t none = {nullptr, [](const clap_input_events_t*) { return 0u; },
                                          [](const clap_input_events_t*, uint32_t) {
                                              return static_cast<const clap_event_header_t*>(nullptr);
                                          }};
        const clap_output_events_t nowhere = {
            nullptr, [](const clap_output_events_t*, const clap_event_header_t*) { return true; }};
        clap_process_t process{};
        process.frames_count = block_;
        process.audio_inputs = &input;
        process.audio_outputs = outputs.data();
        process.audio_inputs_count = 1;
        process.audio_outputs_count = uint32_t(outputs.size());
        process.in_events = &none;
        process.out_events = &nowhere;
        std::thread audio([&] {
            forbid_system_calls();
            strict = true;
            for (int i = 0; i < blocks; ++i) plugin_->process(plugin_, &process);
            strict = false;
            syscall(SYS_exit, 0);
        });
        audio.join();
        std::printf("allocations %d\n", allocations.load());
        std::fflush(stdout);
    }

    static void forbid_system_calls() {
        sock_filter program[] = {
            {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
            {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_exit},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
        };
        const sock_fprog filter{4, program};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
            fail("this system cannot forbid system calls");
    }

    uint32_t next_block() { return block_ ? block_ : 1 + uint32_t(random_() % most_); }

    double value(clap_id id) {
        double found = 0;
        get<clap_plugin_params_t>(CLAP_EXT_PARAMS)->get_value(plugin_, id, &found);
        return found;
    }

    void obey(int count, char** words);

    template <class T> const T* get(const char* id) {
        return must(static_cast<const T*>(plugin_->get_extension(plugin_, id)), id);
    }

    const clap_plugin_t* plugin_;
    double rate_;
    uint32_t most_;
    bool offline_;
    uint32_t block_;
    uint32_t channels_ = 0;
    std::vector<uint32_t> widths_;
    std::vector<float> signal_, recorded_;
    std::vector<Move> moves_;
    std::vector<Message> messages_;
    std::vector<int64_t> times_;
    uint64_t at_ = 0, paced_ = 0;
    bool pacing_ = false;
    Clock::time_point started_;
    std::minstd_rand random_{1};
};

void Player::obey(int count, char** words) {
    for (int i = 0; i < count; ++i) {
        const std::string word = words[i];
        const auto next = [&] { return must(++i < count ? words[i] : nullptr, "a word is missing"); };
        if (word == "block") {
            block_ = uint32_t(std::atoi(next()));
        } else if (word == "set") {
            const uint64_t at = std::strtoull(next(), nullptr, 10);
            const auto id = clap_id(std::atoi(next()));
            moves_.push_back({at, id, std::atof(next())});
        } else if (word == "midi") {
            const uint64_t at = std::strtoull(next(), nullptr, 10);
            const auto bytes = std::strtoul(next(), nullptr, 16);
            messages_.push_back({at, {uint8_t(bytes >> 16), uint8_t(bytes >> 8), uint8_t(bytes)}});
        } else if (word == "run") {
            for (uint64_t left = std::strtoull(next(), nullptr, 10); left;) {
                const uint32_t size = uint32_t(std::min<uint64_t>(left, next_block()));
                step(size);
                left -= size;
            }
        } else if (word == "pace") {
            pacing_ = true;
            const sched_param urgent{10};  // as hosts do, where they may
            sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &urgent);
            started_ = Clock::now();
            paced_ = 0;
        } else if (word == "until") {
            const auto id = clap_id(std::atoi(next()));
            const double wanted = std::atof(next());
            const auto end = Clock::now() + std::chrono::seconds(60);
            while (value(id) != wanted) {
                if (Clock::now() > end) fail("the parameter has not come to its value");
                step(next_block());
                if (!pacing_) std::this_thread::sleep_for(std::chrono::milliseconds(2));
            }
        } else if (word == "signal") {
            std::printf("%s\n", next());
            std::fflush(stdout);
            pollfd in{0, POLLIN, 0};
            while (poll(&in, 1, 0) == 0) {
                step(next_block());
                if (!pacing_) std::this_thread::sleep_for(std::chrono::milliseconds(2));
            }
            for (char c = 0; c != '\n';)
                if (read(0, &c, 1) != 1) fail("nobody is there any more");
        } else if (word == "save") {
            std::ofstream file(next(), std::ios::binary);
            const clap_ostream_t stream = {
                &file, [](const clap_ostream_t* s, const void* from, uint64_t size) {
                    static_cast<std::ofstream*>(s->ctx)->write(static_cast<const char*>(from),
                                                               std::streamsize(size));
                    return int64_t(size);
                }};
            if (!get<clap_plugin_state_t>(CLAP_EXT_STATE)->save(plugin_, &stream)) fail("not saved");
        } else if (word == "load") {
            std::ifstream file(next(), std::ios::binary);
            const clap_istream_t stream = {
                &file, [](const clap_istream_t* s, void* to, uint64_t size) {
                    auto* from = static_cast<std::ifstream*>(s->ctx);
                    from->read(static_cast<char*>(to), std::streamsize(size));
                    return int64_t(from->gcount());
                }};
            if (!get<clap_plugin_state_t>(CLAP_EXT_STATE)->load(plugin_, &stream)) fail("not loaded");
        } else if (word == "restart") {
            deactivate();
            activate();
        } else if (word == "time") {
            std::ofstream file(next());
            for (const int64_t ns : times_) file << ns << "\n";
        } else if (word == "strict") {
            step_strictly(std::atoi(next()));
        } else if (word == "get") {
            const auto id = clap_id(std::atoi(next()));
            std::printf("value %u %g\n", id, value(id));
            std::fflush(stdout);
        } else {
            fail(word.c_str());
        }
    }
}

}  // namespace

int main(int count, char** words) {
    if (count < 7) fail("usage: host PLUGIN.clap RATE MAX_BLOCK OFFLINE IN OUT [COMMAND ...]");
    void* library = must(dlopen(words[1], RTLD_NOW | RTLD_LOCAL), "it cannot be loaded");
    const auto* entry =
        must(static_cast<const clap_plugin_entry_t*>(dlsym(library, "clap_entry")), "no entry");
    if (!entry->init(words[1])) fail("init");
    const auto* factory = must(
        static_cast<const clap_plugin_factory_t*>(entry->get_factory(CLAP_PLUGIN_FACTORY_ID)), "factory");
    clap_host_t host{CLAP_VERSION,
                     nullptr,
                     "test",
                     "test",
                     "",
                     "1",
                     extension,
                     [](const clap_host_t*) { ++restarts; },
                     [](const clap_host_t*) {},
                     [](const clap_host_t*) {}};
    const char* id = factory->get_plugin_descriptor(factory, 0)->id;
    const clap_plugin_t* plugin = must(factory->create_plugin(factory, &host, id), "no plugin");
    if (!plugin->init(plugin)) fail("plugin init");
    Player player(plugin, std::atof(words[2]), uint32_t(std::atoi(words[3])), std::atoi(words[4]) != 0,
                  words[5]);
    player.obey(count - 7, words + 7);
    player.print_latency();
    std::printf("restarts %d latency_changes %d\n", restarts, latency_changes);
    player.deactivate();
    plugin->destroy(plugin);
    entry->deinit();
    std::ofstream out(words[6], std::ios::binary);
    out.write(reinterpret_cast<const char*>(player.recorded_.data()),
              std::streamsize(player.recorded_.size() * sizeof(float)));
    return 0;
}
