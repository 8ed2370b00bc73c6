#include "access.h"
#include "memory.h"
#include "truth.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <sched.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace drifter {
namespace {

constexpr std::uint64_t kLogNs = 20'000'000;
constexpr std::uint64_t kMemoryNs = 50'000'000;
constexpr std::uint64_t kSleeperMemoryNs = 1'000'000'000;
// A round of the conductor takes 11 ms in an emulator with nothing beside it. Where it takes longer, all take
// longer, the recorder too: the scenario's time waits for them.
constexpr std::uint64_t kLongestRoundNs = 15'000'000;

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    if (!file) throw std::runtime_error("cannot write " + text + " to " + path);
}

// A cgroup of its own for a thread (v2, threaded), to move it by its cpuset. The controller is
// enabled top down; a group turns threaded with its first threaded child.
class ThreadCpuset {
public:
    ThreadCpuset(const std::string& name, int tid, int cpu) : path_(kParent + ("/" + name)) {
        ::mkdir(path_.c_str(), 0755);
        write_file(path_ + "/cgroup.type", "threaded");
        if (::access((path_ + "/cpuset.cpus").c_str(), F_OK) != 0)
            write_file(std::string(kParent) + "/cgroup.subtree_control", "+cpuset");
        set(cpu);
        write_file(path_ + "/cgroup.threads", std::to_string(tid));
    }
    void set(int cpu) { write_file(path_ + "/cpuset.cpus", std::to_string(cpu)); }

    static void adopt_process() {
        write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset");
        ::mkdir(kParent, 0755);
        write_file(std::string(kParent) + "/cgroup.procs", std::to_string(::getpid()));
    }

private:
    static constexpr const char* kParent = "/sys/fs/cgroup/drifter";
    std::string path_;
};

struct Running {
    WorkerTruth truth;
    char* memory = nullptr;
    std::size_t bytes = 0;
    std::atomic<int> part{-1};    // that it uses; -1: all
    std::uint64_t sampled_ns = 0; // when its memory was looked at
    std::uint64_t quickest_use_ns = UINT64_MAX / 8;
    bool begun = false;
    std::atomic<bool> ends{false};
    std::atomic<int> tid{0};
    std::atomic<int> state{0};           // 1: ready for the recorder, 2: memory is there
    std::atomic<std::uint64_t> units{0}; // of work done: steps, or requests
    std::thread thread;
    std::unique_ptr<ThreadCpuset> cpuset;
};

std::atomic<bool> g_go{false};
std::atomic<bool> g_stop{false};
Hot g_hot;
std::once_flag g_hot_placed;

void spin() {
    for (int i = 0; i < 2000; ++i) asm volatile("" ::: "memory");
}

struct Bytes {
    char* begin = nullptr;
    char* end = nullptr;
};

// What it uses now.
Bytes used_by(const Running& self) {
    const int used = self.part;
    if (used < 0) return {self.memory, self.memory + self.bytes};
    char* begin = self.memory;
    const auto& parts = self.truth.worker.parts;
    for (int part = 0; part < used; ++part)
        begin += static_cast<std::size_t>(parts[static_cast<std::size_t>(part)].kib) * 1024;
    return {begin, begin + static_cast<std::size_t>(parts[static_cast<std::size_t>(used)].kib) * 1024};
}

void look(Running& worker, const Machine& machine) {
    worker.sampled_ns = now_ns();
    const Bytes used = used_by(worker);
    const auto bytes = static_cast<std::size_t>(used.end - used.begin);
    worker.truth.memory.push_back(sample_memory(used.begin, bytes, machine.nodes));
}

// One request, by a thread or a process of its own.
void serve(const Worker& worker, const Bytes& used, Access& access) {
    const auto request = [&] {
        ::prctl(PR_SET_NAME, request_name(worker).c_str());
        const std::uint64_t ns = static_cast<std::uint64_t>(worker.request_ms) * 1'000'000;
        while (now_ns(CLOCK_THREAD_CPUTIME_ID) < ns) access.use(used.begin, used.end);
    };
    if (!worker.forks) return std::thread(request).join();
    const pid_t child = ::fork();
    if (child == 0) {
        request();
        ::_exit(0);
    }
    if (child < 0 || ::waitpid(child, nullptr, 0) != child) throw std::runtime_error("fork failed");
}

// An emulated CPU that waits for a real one charges that to whoever runs on it: a round that took many times
// what the quickest one did was not use.
void use(Running& self, const Bytes& used, Access& access) {
    constexpr std::uint64_t kMostTimes = 8;
    const std::uint64_t begin_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    access.use(used.begin, used.end);
    const std::uint64_t took_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
    self.quickest_use_ns = std::min(self.quickest_use_ns, took_ns);
    self.truth.used_cpu_ns += std::min(took_ns, kMostTimes * self.quickest_use_ns);
}

void work(Running& self, const Machine& machine) {
    const Worker& worker = self.truth.worker;
    ::prctl(PR_SET_NAME, worker.name.c_str());
    const std::size_t bytes = self.bytes;
    self.truth.cpu.reserve(4096);
    Access access(worker.access, g_hot);
    std::call_once(g_hot_placed, [&] {
        pin(0, worker.hot_cpu, machine.cpus);
        ++g_hot.counter;
    });
    const bool places = worker.shares_with < 0 && worker.placed_by == "self";
    if (places && worker.memory_before) place_memory(worker, self.memory, machine);
    pin(0, worker.cpu, machine.cpus);
    self.tid = static_cast<int>(::syscall(SYS_gettid));
    self.state = 1;
    g_go.wait(false);
    // Only from here on is it sure to be recorded: waiting costs some CPU time too.
    const std::uint64_t go_ns = now_ns();
    const std::uint64_t go_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    self.truth.cpu.push_back({go_ns, go_ns, worker.cpu, go_cpu_ns, go_cpu_ns});
    if (places && !worker.memory_before) touch(self.memory, 0, bytes);
    self.state = 2;

    std::uint64_t looked_ns = go_ns;
    std::uint64_t looked_cpu_ns = go_cpu_ns;
    std::uint64_t logged_ns = 0;
    int cpu = worker.cpu;
    while (!g_stop && !self.ends) {
        if (worker.sleep_us > 0) ::usleep(static_cast<useconds_t>(worker.sleep_us));
        const Bytes used = used_by(self);
        if (worker.request_ms > 0) serve(worker, used, access);
        else if (worker.keeps_touching) use(self, used, access);
        else spin();
        ++self.units;
        access.wait(g_stop);
        const std::uint64_t asked_ns = now_ns(); // a move may come between any two of these lines
        const std::uint64_t asked_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
        const int here = ::sched_getcpu();
        const std::uint64_t time_ns = now_ns();
        if (here != cpu || time_ns - logged_ns > kLogNs) {
            const std::uint64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
            self.truth.cpu.push_back({looked_ns, time_ns, here, cpu_ns, looked_cpu_ns});
            cpu = here;
            logged_ns = time_ns;
        }
        looked_ns = asked_ns;
        looked_cpu_ns = asked_cpu_ns;
    }
    const std::uint64_t end_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    self.truth.cpu.push_back({looked_ns, now_ns(), cpu, end_cpu_ns, looked_cpu_ns});
}

void carry_out(Running& worker, const Move& move, const Machine& machine) {
    const std::uint64_t begin_ns = now_ns();
    if (worker.cpuset) worker.cpuset->set(move.cpu);
    else pin(worker.tid, move.cpu, machine.cpus);
    worker.truth.orders.push_back({begin_ns, now_ns(), move.cpu});
}

// The mover: has threads born and ended, orders moves when they are due, and looks at the memory
// in between.
class Conductor {
public:
    using Workers = std::vector<std::unique_ptr<Running>>;

    Conductor(Workers& workers, const Scenario& scenario, const Machine& machine)
        : workers_(workers), scenario_(scenario), machine_(machine), next_move_(workers.size()),
          next_memory_move_(workers.size()), next_use_(workers.size()) {}

    void conduct() {
        for (auto& worker : workers_)
            while (worker->begun && worker->state < 2) ::usleep(500);
        std::uint64_t elapsed_ns = 0;
        std::uint64_t round_begin_ns = now_ns();
        for (;;) {
            const auto elapsed_ms = static_cast<int>(elapsed_ns / 1'000'000);
            if (elapsed_ms >= scenario_.run_ms) break;
            for (std::size_t i = 0; i < workers_.size(); ++i) attend(i, elapsed_ms);
            ++g_hot.round;
            ::usleep(2000);
            const std::uint64_t now = now_ns();
            elapsed_ns += std::min(now - std::exchange(round_begin_ns, now), kLongestRoundNs);
        }
        for (auto& worker : workers_)
            if (worker->begun) look_at_memory(*worker, 0);
    }

private:
    void attend(std::size_t i, int elapsed_ms) {
        Running& worker = *workers_[i];
        const Worker& plan = worker.truth.worker;
        if (!worker.begun && elapsed_ms >= plan.start_ms) {
            worker.begun = true;
            worker.thread = std::thread([&worker, this] { work(worker, machine_); });
        }
        if (!worker.begun || worker.state < 2) return;
        if (plan.end_ms > 0 && elapsed_ms >= plan.end_ms) worker.ends = true;
        if (next_move_[i] < plan.moves.size() && elapsed_ms >= plan.moves[next_move_[i]].at_ms)
            carry_out(worker, plan.moves[next_move_[i]++], machine_);
        if (next_memory_move_[i] < plan.memory_moves.size() &&
            elapsed_ms >= plan.memory_moves[next_memory_move_[i]].at_ms)
            move_memory_of(worker, plan.memory_moves[next_memory_move_[i]++]);
        if (next_use_[i] < plan.uses.size() && elapsed_ms >= plan.uses[next_use_[i]].at_ms)
            turn(worker, plan.uses[next_use_[i]++]);
        look_at_memory(worker, plan.sleep_us > 0 ? kSleeperMemoryNs : kMemoryNs);
    }

    void move_memory_of(Running& worker, const MemoryMove& move) {
        for (auto& each : workers_) look_at_memory(*each, 0);
        const std::uint64_t begin_ns = now_ns();
        move_memory(move, worker.memory,
                    move.kib > 0 ? static_cast<std::size_t>(move.kib) * 1024 : worker.bytes, machine_);
        const Order order{begin_ns, now_ns(), move.cpu};
        for (auto& each : workers_) {
            if (each->memory == worker.memory || move.how == "migrate_pages" || move.how == "cpuset")
                each->truth.memory_orders.push_back(order);
            look_at_memory(*each, 0);
        }
    }

    // What it uses moves, as it were.
    void turn(Running& worker, const Use& use) {
        look_at_memory(worker, 0);
        const std::uint64_t begin_ns = now_ns();
        worker.part = use.part;
        const auto& part = worker.truth.worker.parts[static_cast<std::size_t>(use.part)];
        worker.truth.memory_orders.push_back({begin_ns, now_ns(), part.cpu});
        look_at_memory(worker, 0);
    }

    void look_at_memory(Running& worker, std::uint64_t period_ns) {
        if (now_ns() - worker.sampled_ns >= period_ns) look(worker, machine_);
    }

    Workers& workers_;
    const Scenario& scenario_;
    const Machine& machine_;
    std::vector<std::size_t> next_move_;
    std::vector<std::size_t> next_memory_move_;
    std::vector<std::size_t> next_use_;
};

// Gets the worker its memory and, unless it is to be born later, starts it.
void begin(Running& worker, const Machine& machine, const std::vector<std::unique_ptr<Running>>& others) {
    const Worker& plan = worker.truth.worker;
    worker.bytes = static_cast<std::size_t>(plan.memory_kib) * 1024;
    if (plan.shares_with >= 0) worker.memory = others[static_cast<std::size_t>(plan.shares_with)]->memory;
    else worker.memory = allocate_memory(plan, machine);
    if (plan.placed_by == "pool") std::thread([&] { place_memory(plan, worker.memory, machine); }).join();
    if (plan.start_ms > 0) return;
    worker.begun = true;
    worker.thread = std::thread([&worker, &machine] { work(worker, machine); });
    while (worker.state < 1) ::usleep(500);
}

std::uint64_t others_cpu_ns() {
    return now_ns(CLOCK_PROCESS_CPUTIME_ID) - now_ns(CLOCK_THREAD_CPUTIME_ID);
}

// A thread that can be joined is on its way out still, and is charged for it.
void wait_until_alone() {
    constexpr int kMostRounds = 2000;
    const auto threads = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
    };
    for (int round = 0; round < kMostRounds && threads() > 1; ++round) ::usleep(1000);
}

// What the workers looked at of their CPU time, from the start on; a later birth is not of it.
std::uint64_t looked_cpu_ns(const Truth& truth) {
    std::uint64_t looked_ns = 0;
    for (const WorkerTruth& worker : truth.workers)
        if (!worker.cpu.empty()) looked_ns += worker.cpu.back().cpu_ns - worker.cpu.front().cpu_ns;
    return looked_ns;
}

// The workers go on as they are. Each SIGUSR1 has the work that each has done told; SIGTERM is the end.
void stay(const std::vector<std::unique_ptr<Running>>& workers, const sigset_t& signals) {
    std::printf("over\n");
    std::fflush(stdout);
    int number = 0;
    while (sigwait(&signals, &number) == 0 && number != SIGTERM) {
        std::printf("work %llu", static_cast<unsigned long long>(now_ns()));
        for (const auto& worker : workers)
            std::printf(" %d:%llu", worker->tid.load(),
                        static_cast<unsigned long long>(worker->units.load()));
        std::printf("\n");
        std::fflush(stdout);
    }
}

} // namespace

Truth run_scenario(const Scenario& scenario, const Machine& machine, bool stays) {
    Truth truth;
    truth.scenario = scenario;
    truth.pid = ::getpid();
    truth.mover_tid = static_cast<int>(::syscall(SYS_gettid));
    truth.nodes = machine.nodes;
    truth.cpus = machine.cpus;

    // A stack in one huge page would be 512 pages of memory that nobody here reckons with.
    const auto uses = [&](auto is_so) { return std::ranges::any_of(scenario.workers, is_so); };
    if (!uses([](const Worker& worker) { return worker.memory == "thp"; }))
        ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    if (uses([](const Worker& worker) {
            return worker.by == "cpuset" ||
                   (!worker.memory_moves.empty() && worker.memory_moves[0].how == "cpuset");
        }))
        ThreadCpuset::adopt_process();
    std::vector<std::unique_ptr<Running>> workers;
    for (const Worker& plan : scenario.workers) {
        auto worker = std::make_unique<Running>();
        worker->truth.worker = plan;
        begin(*worker, machine, workers);
        if (plan.by == "cpuset") {
            pin(worker->tid, -1, machine.cpus); // from here on its cpuset alone holds it
            worker->cpuset = std::make_unique<ThreadCpuset>(plan.name, worker->tid, plan.cpu);
        }
        workers.push_back(std::move(worker));
    }
    sigset_t go;
    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    if (stays) sigaddset(&go, SIGTERM);
    std::printf("ready %d\n", truth.pid);
    std::fflush(stdout);
    int number = 0;
    sigwait(&go, &number);

    const std::uint64_t others_at_go_ns = others_cpu_ns();
    g_go = true;
    g_go.notify_all();
    Conductor(workers, scenario, machine).conduct();
    if (stays) stay(workers, go);
    g_stop = true;
    ++g_hot.round;
    for (auto& worker : workers) {
        if (worker->thread.joinable()) worker->thread.join();
        if (worker->begun) look(*worker, machine); // in an emulator its last round may have taken seconds
        worker->truth.tid = worker->tid;
        truth.workers.push_back(worker->truth);
    }
    wait_until_alone();
    if (!uses([](const Worker& worker) { return worker.request_ms > 0 && !worker.forks; })) {
        const std::uint64_t all_ns = others_cpu_ns() - others_at_go_ns;
        truth.unlooked_cpu_ns = all_ns - std::min(all_ns, looked_cpu_ns(truth));
    }
    return truth;
}

} // namespace drifter
