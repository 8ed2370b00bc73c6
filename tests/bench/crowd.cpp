// crowd THREADS: so many threads that sleep, and one that looks at the clock, takes a lock of the address
// space (mmap) and faults. At each line on stdin it prints the longest gap since the last, in us.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

double now_us() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

std::atomic<double> g_longest_us{0};

// What it does takes a few us; what takes longer was done to it.
[[noreturn]] void look() {
    for (;;) {
        const double begin_us = now_us();
        void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *static_cast<volatile char*>(page) = 1;
        ::munmap(page, 4096);
        g_longest_us = std::max(g_longest_us.load(), now_us() - begin_us);
        ::usleep(100);
    }
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::thread> threads;
    for (int i = 0; i < (argc > 1 ? std::atoi(argv[1]) : 1); ++i) threads.emplace_back([] { ::pause(); });
    std::thread looker(look);
    for (int letter = 0; (letter = std::getchar()) != EOF;) {
        if (letter != '\n') continue;
        std::printf("%.1f\n", g_longest_us.exchange(0));
        std::fflush(stdout);
    }
    std::_Exit(0);
}
