// forker: a process that forks again and again, while a thread of it goes on using its memory.
//
//   forker snapshots|requests SECONDS LOG
//
// snapshots: it has so much memory that a fork takes kForkNs, up to 4 GiB, and its children end at once.
// requests: it has 16 MiB, and each child, called "request", uses them for 5 ms of CPU time. Prints "ready"
// when the memory is there. LOG: of the thread, "TID" in the first line and then "MONOTONIC_NS CPU_NS", every
// millisecond.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string_view>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLine = 64;
constexpr std::size_t kMostBytes = std::size_t{4} << 30;
constexpr std::size_t kFewBytes = std::size_t{16} << 20;
constexpr std::uint64_t kForkNs = 150'000'000;
constexpr std::uint64_t kRequestNs = 5'000'000;
constexpr std::uint64_t kLogNs = 1'000'000;

std::atomic<bool> g_stop{false};

std::uint64_t now_ns(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

class Reader {
public:
    Reader(const char* memory, std::size_t bytes) : memory_(memory), lines_(bytes / kLine) {}

    void read() {
        for (int i = 0; i < 500; ++i) {
            state_ ^= state_ << 13;
            state_ ^= state_ >> 7;
            state_ ^= state_ << 17;
            sum_ = sum_ + static_cast<std::uint64_t>(*(memory_ + state_ % lines_ * kLine));
        }
    }

private:
    const volatile char* memory_;
    std::size_t lines_;
    std::uint64_t state_ = 88172645463325252;
    volatile std::uint64_t sum_ = 0;
};

std::uint64_t fork_once(const char* memory, std::size_t bytes, std::uint64_t use_ns) {
    const std::uint64_t begin_ns = now_ns(CLOCK_MONOTONIC);
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_NAME, "request");
        Reader reader(memory, bytes);
        while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < use_ns) reader.read();
        ::_exit(0);
    }
    const std::uint64_t took_ns = now_ns(CLOCK_MONOTONIC) - begin_ns;
    if (child > 0) ::waitpid(child, nullptr, 0);
    return took_ns;
}

void use(const char* memory, std::size_t bytes, std::ofstream& log) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> times;
    const auto tid = ::syscall(SYS_gettid);
    Reader reader(memory, bytes);
    while (!g_stop) {
        const std::uint64_t time_ns = now_ns(CLOCK_MONOTONIC);
        if (times.empty() || time_ns - times.back().first >= kLogNs)
            times.emplace_back(time_ns, now_ns(CLOCK_THREAD_CPUTIME_ID));
        reader.read();
    }
    log << tid << "\n";
    for (const auto& [time_ns, cpu_ns] : times) log << time_ns << " " << cpu_ns << "\n";
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const bool has_requests = std::string_view(argv[1]) == "requests";
    void* mapped = ::mmap(nullptr, kMostBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return 1;
    ::madvise(mapped, kMostBytes, MADV_NOHUGEPAGE);
    char* memory = static_cast<char*>(mapped);
    std::size_t bytes = 0;
    const auto grow_to = [&](std::size_t most) {
        for (; bytes < most; bytes += kPage) memory[bytes] = 1;
    };
    grow_to(kFewBytes);
    while (!has_requests && bytes < kMostBytes && fork_once(memory, bytes, 0) < kForkNs) grow_to(2 * bytes);
    std::ofstream log(argv[3]);
    std::thread thread([&] { use(memory, bytes, log); });
    std::printf("ready\n");
    std::fflush(stdout);
    const std::uint64_t end_ns =
        now_ns(CLOCK_MONOTONIC) + static_cast<std::uint64_t>(std::atof(argv[2]) * 1e9);
    std::uint64_t longest_ns = 0;
    int forks = 0;
    for (; now_ns(CLOCK_MONOTONIC) < end_ns; ++forks) {
        longest_ns = std::max(longest_ns, fork_once(memory, bytes, has_requests ? kRequestNs : 0));
        if (!has_requests) ::usleep(10'000);
    }
    g_stop = true;
    thread.join();
    std::printf("%zu MiB, %d forks, the longest %.1f ms\n", bytes >> 20, forks,
                static_cast<double>(longest_ns) / 1e6);
    return log.good() ? 0 : 1;
}
