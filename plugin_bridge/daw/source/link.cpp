#include "link.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <system_error>

namespace bridge {

namespace {

constexpr int LOOK_MS = 100, RETRY_MS = 500, GREET_MS = 60'000;
constexpr uint64_t AWAIT_NS = 10'000'000'000, ATTEMPT_NS = 2'000'000'000;
// An engine that has not looked at the memory for so long has died or hangs.
constexpr uint64_t MOST_AGE_NS = 10'000'000'000;

uint64_t now_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return uint64_t(t.tv_sec) * 1'000'000'000 + uint64_t(t.tv_nsec);
}

// The folder is the user's alone, or it is not used.
std::string runtime_folder() {
    const char* named = std::getenv("PLUGIN_BRIDGE_RUNTIME");
    if (named && named[0]) return named;
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/') return std::string(runtime) + "/plugin-bridge";
    return "/tmp/plugin-bridge-" + std::to_string(geteuid());
}

bool is_private(const std::string& folder) {
    struct stat found{};
    return lstat(folder.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
           found.st_uid == geteuid() && (found.st_mode & 077) == 0;
}

bool is_own(int peer) {
    ucred other{};
    socklen_t size = sizeof other;
    return getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &other, &size) == 0 && other.uid == geteuid();
}

uint64_t sum_of(const char* text, uint32_t length) {
    uint64_t total = length;
    for (uint32_t i = 0; i < length; ++i) total += uint8_t(text[i]) * uint64_t{i % 251 + 1};
    return total;
}

bool is_text(const std::string& text) {
    for (const char c : text)
        if (uint8_t(c) < 0x20 && c != '\n') return false;
    return uint8_t(text.empty() ? 0 : text.back()) < 0x80;
}

// False where it is damaged or being written.
bool read_text(const Text& from, std::string& text, uint64_t& mark) {
    const uint64_t after = read(from.after);
    const uint32_t length = read(from.length);
    if (after == 0 || length > TEXT) return false;
    std::string copy(from.text, length);
    if (sum_of(copy.data(), length) != read(from.checksum) || read(from.before) != after ||
        read(from.after) != after || !is_text(copy))
        return false;
    text = copy;
    mark = after;
    return true;
}

void write_text(Text& to, const std::string& text, uint64_t mark) {
    const uint32_t length = uint32_t(text.size());
    write(to.after, uint64_t{0});
    write(to.before, mark);
    std::memcpy(to.text, text.data(), length);
    write(to.length, length);
    write(to.checksum, sum_of(text.data(), length));
    write(to.after, mark);
}

bool wait_for(int fd, int wake, int milliseconds) {
    pollfd polled[] = {{wake, POLLIN, 0}, {fd, POLLIN, 0}};
    poll(polled, fd < 0 ? 1 : 2, milliseconds);
    if (polled[0].revents) {
        uint64_t count;
        if (::read(wake, &count, sizeof count) < 0) return false;
    }
    return fd >= 0 && polled[1].revents != 0;
}

}  // namespace

Link::Link() : folder_(runtime_folder()) {
    memory_ = memfd_create("plugin-bridge", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    void* at = MAP_FAILED;
    // Sealed: whoever gets the descriptor cannot cut the memory off under the host.
    if (memory_ >= 0 && ftruncate(memory_, sizeof(Shared)) == 0 &&
        fcntl(memory_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, memory_, 0);
    if (at == MAP_FAILED) {  // without memory to share: the host goes on, in silence
        if (memory_ >= 0) close(memory_);
        memory_ = -1;
        at = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) std::abort();  // as the host itself does when it has none
        state_ = FAILED;
    }
    shared_ = static_cast<Shared*>(at);
    repair();
}

Link::~Link() {
    ended_ = true;
    wake();
    if (thread_.joinable()) thread_.join();
    detach();
    munmap(shared_, sizeof(Shared));
    if (memory_ >= 0) close(memory_);
    if (wake_ >= 0) close(wake_);
}

void Link::repair() {
    shared_->version = VERSION;
    shared_->bytes = sizeof(Shared);
    write(shared_->magic, MAGIC);
}

void Link::wake() {
    const uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) < 0) return;
}

void Link::begin(uint64_t epoch, double rate, uint32_t max_block) {
    write(shared_->rate, rate);
    write(shared_->max_block, max_block);
    write(shared_->active, 1u);
    write(shared_->written, stamp(epoch, 0));
}

bool Link::await(uint64_t epoch, Course& course) {
    const uint32_t before = attempts_;
    if (memory_ < 0) return false;
    if (!thread_.joinable()) {
        sigset_t all, old;
        sigfillset(&all);  // the host's signals are the host's
        pthread_sigmask(SIG_SETMASK, &all, &old);
        try {
            thread_ = std::thread(&Link::run, this);
        } catch (const std::system_error&) {
            state_ = FAILED;
        }
        pthread_sigmask(SIG_SETMASK, &old, nullptr);
        if (!thread_.joinable()) return false;
    }
    if (!attached) wake();
    const uint64_t start = now_ns();
    while (true) {
        if (attached && epoch_of(read(shared_->ready)) == epoch)
            return read_course(*shared_, epoch, course);
        const uint64_t age = now_ns() - start;
        const bool refused = attempts_ != before && !attached && state_ != PREPARING;
        const bool waits = attached || state_ == PREPARING;
        if (refused || age > (waits ? AWAIT_NS : ATTEMPT_NS)) return false;
        usleep(500);
    }
}

void Link::set_project(const std::string& text) {
    if (text.size() > TEXT || !is_text(text)) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    project_ = text;
    write_text(shared_->project, text, ++texts_);
}

std::string Link::project() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (attached) take_over();  // a project may be saved before the next look
    return project_;
}

Condition Link::state(uint64_t epoch) const {
    if (!attached) return Condition(state_.load());
    if (epoch_of(read(shared_->ready)) != epoch) return PREPARING;
    const uint32_t verdict = read(shared_->verdict);
    return verdict < STATES ? Condition(verdict) : DAMAGED;
}

void Link::run() {
    while (!ended_) {
        if (peer_ < 0) {
            const Condition found = attach();
            // That one was lost says more than that there is none, until another one is had.
            if (found != NO_ENGINE || state_ != ENGINE_LOST) state_ = found;
            attached = found == PLAYING;
            ++attempts_;
            if (found != PLAYING) wait_for(-1, wake_, RETRY_MS);
        } else if (wait_for(peer_, wake_, LOOK_MS)) {
            char byte;
            if (recv(peer_, &byte, 1, MSG_DONTWAIT) <= 0) {
                detach();
                state_ = ENGINE_LOST;
            }
        }
        if (peer_ >= 0) look();
    }
}

Condition Link::attach() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ + "/daw.sock";
    if (path.size() >= sizeof address.sun_path) return UNSAFE_FOLDER;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    if (access(folder_.c_str(), F_OK) != 0) return NO_ENGINE;
    if (!is_private(folder_)) return UNSAFE_FOLDER;
    const int peer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (peer < 0) return FAILED;
    Condition found = NO_ENGINE;
    if (connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
        found = is_own(peer) ? greet(peer) : UNSAFE_FOLDER;
    if (found == PLAYING) peer_ = peer;
    else close(peer);
    return found;
}

Condition Link::greet(int peer) {
    Greeting greeting{MAGIC, VERSION, uint32_t(sizeof(Shared)), 0, 0};
    iovec part{&greeting, sizeof greeting};
    alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = space;
    message.msg_controllen = sizeof space;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &memory_, sizeof(int));
    write(shared_->ready, uint64_t{0});
    write(shared_->engine_clock, now_ns());
    if (sendmsg(peer, &message, MSG_NOSIGNAL) < 0) return NO_ENGINE;
    state_ = PREPARING;
    const uint64_t start = now_ns();
    while (!wait_for(peer, wake_, LOOK_MS))
        if (ended_ || now_ns() - start > uint64_t{GREET_MS} * 1'000'000) return FAILED;
    Greeting answer{};
    if (recv(peer, &answer, sizeof answer, 0) != ssize_t(sizeof answer) || answer.magic != MAGIC)
        return ENGINE_LOST;
    if (answer.version != VERSION || answer.bytes != sizeof(Shared)) return OTHER_VERSION;
    if (answer.verdict != 0) return FAILED;
    write(shared_->engine_clock, now_ns());  // it lives, however long its start has taken
    return PLAYING;
}

void Link::detach() {
    attached = false;
    if (peer_ >= 0) close(peer_);
    peer_ = -1;
    write(shared_->ready, uint64_t{0});
}

// See that both sides are well, and take over what the engine says of the presets.
void Link::look() {
    const uint64_t now = now_ns();
    const uint64_t beat = read(shared_->engine_clock);
    const bool well = read(shared_->magic) == MAGIC && shared_->version == VERSION &&
                      shared_->bytes == sizeof(Shared);
    if (!well || beat > now + MOST_AGE_NS || now > beat + MOST_AGE_NS) {
        detach();
        repair();
        state_ = well ? ENGINE_LOST : DAMAGED;
        return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    take_over();
}

void Link::take_over() {
    std::string text;
    uint64_t mark = 0;
    if (read(shared_->presets.after) == seen_ || !read_text(shared_->presets, text, mark)) return;
    seen_ = mark;
    if (!text.empty()) project_ = text;
}

}  // namespace bridge
