// scheduling switches|moves|threads SECONDS: one kind of work for the scheduler, as fast as it goes.
//   switches  two threads wake each other through pipes
//   moves     a thread changes its affinity between CPU 0 and 1
//   threads   threads are born and end, one after the other
// Prints how many a second, over all and in the best tenth of a second.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <sched.h>
#include <thread>
#include <unistd.h>

namespace {

double now_s() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) std::exit(1);
}

void time_it(double seconds, const std::function<void()>& once) {
    constexpr double kRoundS = 0.1;
    const double begin_s = now_s();
    double round_s = begin_s;
    double best = 0;
    std::uint64_t all = 0;
    std::uint64_t in_round = 0;
    for (double time_s = begin_s; time_s - begin_s < seconds; time_s = now_s()) {
        once();
        ++all;
        ++in_round;
        if (time_s - round_s < kRoundS) continue;
        best = std::max(best, static_cast<double>(in_round) / (time_s - round_s));
        round_s = time_s;
        in_round = 0;
    }
    std::printf("%.0f %.0f\n", static_cast<double>(all) / (now_s() - begin_s), best);
}

void switches(double seconds) {
    std::array<int, 2> there{};
    std::array<int, 2> back{};
    if (::pipe(there.data()) != 0 || ::pipe(back.data()) != 0) std::exit(1);
    std::thread other([&] {
        char word = 0;
        while (::read(there[0], &word, 1) == 1 && ::write(back[1], &word, 1) == 1) {
        }
    });
    char word = 'x';
    time_it(seconds, [&] {
        if (::write(there[1], &word, 1) != 1 || ::read(back[0], &word, 1) != 1) std::exit(1);
    });
    ::close(there[1]);
    other.join();
}

void moves(double seconds) {
    int cpu = 0;
    time_it(seconds, [&] { pin(cpu ^= 1); });
}

void threads(double seconds) {
    time_it(seconds, [] { std::thread([] {}).join(); });
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const double seconds = std::strtod(argv[2], nullptr);
    if (std::strcmp(argv[1], "switches") == 0) switches(seconds);
    else if (std::strcmp(argv[1], "moves") == 0) moves(seconds);
    else if (std::strcmp(argv[1], "threads") == 0) threads(seconds);
    else return 2;
}
