// churner THREADS: threads are born and end, eight at a time, so many in all, each after a little work; then
// the process executes itself as "reborn", which works a little too. Prints its CPU time in ns, all of it.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>

namespace {

long long cpu_ns(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

void work(long long ns) {
    const long long end_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) + ns;
    while (cpu_ns(CLOCK_THREAD_CPUTIME_ID) < end_ns) {
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    if (std::strcmp(argv[1], "reborn") == 0) {
        ::prctl(PR_SET_NAME, "reborn");
        work(300'000'000);
        std::printf("%lld\n", cpu_ns(CLOCK_PROCESS_CPUTIME_ID));
        return 0;
    }
    const long threads = std::strtol(argv[1], nullptr, 10);
    for (long born = 0; born < threads;) {
        std::array<std::thread, 8> some;
        for (std::thread& one : some)
            if (born++ < threads) one = std::thread(work, 20'000);
        for (std::thread& one : some)
            if (one.joinable()) one.join();
    }
    ::execl("/proc/self/exe", argv[0], "reborn", nullptr);
    return 1;
}
