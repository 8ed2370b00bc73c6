#include "selftest/cost_work.h"

#include "util/clock.h"
#include "util/file.h"

#include <cstddef>
#include <sched.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace numadrift::selftest {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 4096;
constexpr int kTimes = 5;         // 20,480 faults
constexpr int kRoundTrips = 5000; // 10,000 switches

struct Pipe {
    Fd reader;
    Fd writer;

    bool open() {
        int ends[2];
        if (::pipe(ends) != 0) return false;
        reader = Fd(ends[0]);
        writer = Fd(ends[1]);
        return true;
    }
};

// Passes what comes, so many times.
void pass_on(int from, int to, int times) {
    char byte = 0;
    for (int i = 0; i < times; ++i)
        if (::read(from, &byte, 1) != 1 || ::write(to, &byte, 1) != 1) return;
}

// This thread, and those it starts, to one CPU of those it may use; back at the end.
class OneCpu {
public:
    OneCpu() {
        cpu_set_t one;
        CPU_ZERO(&one);
        const int cpu = ::sched_getcpu();
        if (cpu < 0 || cpu >= CPU_SETSIZE || ::sched_getaffinity(0, sizeof before_, &before_) != 0) return;
        CPU_SET(cpu, &one);
        is_good_ = ::sched_setaffinity(0, sizeof one, &one) == 0;
    }
    OneCpu(const OneCpu&) = delete;
    OneCpu& operator=(const OneCpu&) = delete;
    ~OneCpu() {
        if (is_good_) ::sched_setaffinity(0, sizeof before_, &before_);
    }

    bool is_good() const { return is_good_; }

private:
    cpu_set_t before_{};
    bool is_good_ = false;
};

} // namespace

double fault_cpu_ns() {
    std::uint64_t spent_ns = 0;
    std::size_t faults = 0;
    for (int time = 0; time < kTimes; ++time) {
        void* mapped =
            ::mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) break;
        ::madvise(mapped, kPages * kPage, MADV_NOHUGEPAGE);
        auto* memory = static_cast<volatile char*>(mapped);
        const std::uint64_t begin_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        for (std::size_t page = 0; page < kPages; ++page) memory[page * kPage] = 1;
        spent_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
        faults += kPages;
        ::munmap(mapped, kPages * kPage);
    }
    return faults == 0 ? 0 : static_cast<double>(spent_ns) / static_cast<double>(faults);
}

double switch_cpu_ns() {
    const OneCpu one_cpu;
    Pipe there, back;
    if (!one_cpu.is_good() || !there.open() || !back.open()) return 0;
    std::thread other([&] { pass_on(there.reader.get(), back.writer.get(), kRoundTrips + 1); });
    char byte = 0;
    const bool is_begun =
        ::write(there.writer.get(), &byte, 1) == 1 && ::read(back.reader.get(), &byte, 1) == 1;
    const std::uint64_t begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; is_begun && i < kRoundTrips; ++i)
        if (::write(there.writer.get(), &byte, 1) != 1 || ::read(back.reader.get(), &byte, 1) != 1) break;
    const std::uint64_t spent_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_ns;
    there.writer.reset();
    other.join();
    return static_cast<double>(spent_ns) / (2.0 * kRoundTrips);
}

} // namespace numadrift::selftest
