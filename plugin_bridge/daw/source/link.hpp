// The plugin's way to an engine: the memory they share, the socket that announces it, and a thread
// that keeps the two together. Nothing here runs on the audio thread.

#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "player.hpp"
#include "protocol.hpp"

namespace bridge {

class Link {
public:
    Link();
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Made without a name, sealed against growing and shrinking; never null.
    Shared* shared() { return shared_; }

    // [main] Say what is about to be played. Makes no system call.
    void begin(uint64_t epoch, double rate, uint32_t max_block);

    // [main] Start looking for an engine, and wait for one that can be had, ten seconds at most.
    bool await(uint64_t epoch, Course& course);

    // [main] The presets by index, as the project has them.
    void set_project(const std::string& text);
    std::string project();

    // [any] What the user is told while the engine has nothing to say.
    Condition state(uint64_t epoch) const;

    std::atomic<bool> attached{false};

private:
    void run();
    Condition attach();
    Condition greet(int peer);
    void detach();
    void look();
    void take_over();  // what the engine says of the presets; the mutex is held
    void repair();
    void wake();

    const std::string folder_;
    Shared* shared_ = nullptr;
    int memory_ = -1, peer_ = -1, wake_ = -1;
    std::atomic<uint32_t> state_{NO_ENGINE};
    std::atomic<uint32_t> attempts_{0};
    std::atomic<bool> ended_{false};
    std::mutex mutex_;
    std::string project_;
    uint64_t texts_ = 0, seen_ = 0;
    std::thread thread_;
};

}  // namespace bridge
