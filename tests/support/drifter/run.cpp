#include "truth.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <sched.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace drifter {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kLogNs = 20'000'000;
constexpr std::uint64_t kMemoryNs = 50'000'000;

std::uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

void pin(int tid, int cpu, int cpus) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < cpus; ++i)
        if (cpu < 0 || i == cpu) CPU_SET(i, &set);
    if (::sched_setaffinity(tid, sizeof set, &set) != 0) throw std::runtime_error("sched_setaffinity failed");
}

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
    std::atomic<int> tid{0};
    std::atomic<int> state{0}; // 1: ready for the recorder, 2: memory is there
    std::thread thread;
    std::unique_ptr<ThreadCpuset> cpuset;
};

std::atomic<bool> g_go{false};
std::atomic<bool> g_stop{false};

void touch(char* memory, std::size_t begin, std::size_t end) {
    for (std::size_t at = begin; at < end; at += kPage) {
        volatile char* byte = memory + at;
        *byte = static_cast<char>(*byte + 1);
    }
}

void spin() {
    for (int i = 0; i < 2000; ++i) asm volatile("" ::: "memory");
}

void work(Running& self, int cpus) {
    const Worker& worker = self.truth.worker;
    ::prctl(PR_SET_NAME, worker.name.c_str());
    const std::size_t bytes = static_cast<std::size_t>(worker.memory_kib) * 1024;
    pin(0, worker.cpu, cpus);
    self.truth.cpu.reserve(4096);
    if (worker.memory_before) touch(self.memory, 0, bytes);
    self.tid = static_cast<int>(::syscall(SYS_gettid));
    self.state = 1;
    g_go.wait(false);
    // Only from here on is it sure to be recorded: waiting costs some CPU time too.
    const std::uint64_t go_ns = now_ns();
    const std::uint64_t go_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    self.truth.cpu.push_back({go_ns, go_ns, worker.cpu, go_cpu_ns, go_cpu_ns});
    if (!worker.memory_before) touch(self.memory, 0, bytes);
    self.state = 2;

    std::uint64_t looked_ns = go_ns;
    std::uint64_t looked_cpu_ns = go_cpu_ns;
    std::uint64_t logged_ns = 0;
    int cpu = worker.cpu;
    std::size_t at = 0;
    while (!g_stop) {
        const std::size_t step = 16 * kPage;
        if (worker.keeps_touching) touch(self.memory, at, std::min(at + step, bytes));
        else spin();
        at = at + step < bytes ? at + step : 0;
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

void sample_memory(Running& worker, int nodes) {
    const std::size_t pages = static_cast<std::size_t>(worker.truth.worker.memory_kib) / 4;
    const std::size_t step = std::max<std::size_t>(1, pages / 64);
    std::vector<void*> addresses;
    for (std::size_t i = 0; i < pages; i += step) addresses.push_back(worker.memory + i * kPage);
    std::vector<int> where(addresses.size(), -1);
    ::syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), nullptr, where.data(), 0);
    MemorySample sample{now_ns(), std::vector<int>(static_cast<std::size_t>(nodes))};
    for (const int node : where)
        if (node >= 0 && node < nodes) ++sample.pages[static_cast<std::size_t>(node)];
    worker.truth.memory.push_back(std::move(sample));
}

void carry_out(Running& worker, const Move& move, int cpus) {
    const std::uint64_t begin_ns = now_ns();
    if (worker.cpuset) worker.cpuset->set(move.cpu);
    else pin(worker.tid, move.cpu, cpus);
    worker.truth.orders.push_back({begin_ns, now_ns(), move.cpu});
}

// The mover: orders moves when they are due and looks at the memory in between.
void conduct(std::vector<std::unique_ptr<Running>>& workers, const Scenario& scenario, int nodes, int cpus) {
    for (auto& worker : workers)
        while (worker->state < 2) ::usleep(500);
    const std::uint64_t begin_ns = now_ns();
    std::uint64_t memory_ns = 0;
    std::vector<std::size_t> next(workers.size());
    for (;;) {
        const std::uint64_t time_ns = now_ns();
        const auto elapsed_ms = static_cast<int>((time_ns - begin_ns) / 1'000'000);
        if (elapsed_ms >= scenario.run_ms) break;
        for (std::size_t i = 0; i < workers.size(); ++i) {
            const auto& moves = workers[i]->truth.worker.moves;
            if (next[i] < moves.size() && elapsed_ms >= moves[next[i]].at_ms)
                carry_out(*workers[i], moves[next[i]++], cpus);
        }
        if (time_ns - memory_ns > kMemoryNs) {
            for (auto& worker : workers) sample_memory(*worker, nodes);
            memory_ns = time_ns;
        }
        ::usleep(2000);
    }
}

} // namespace

Truth run_scenario(const Scenario& scenario, int nodes, int cpus) {
    Truth truth;
    truth.scenario = scenario;
    truth.pid = ::getpid();
    truth.mover_tid = static_cast<int>(::syscall(SYS_gettid));
    truth.nodes = nodes;
    truth.cpus = cpus;

    // A stack in one huge page would be 512 pages of memory that nobody here reckons with.
    ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    std::vector<std::unique_ptr<Running>> workers;
    bool adopted = false;
    for (const Worker& plan : scenario.workers) {
        auto worker = std::make_unique<Running>();
        worker->truth.worker = plan;
        const std::size_t bytes = static_cast<std::size_t>(plan.memory_kib) * 1024;
        void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("mmap failed");
        ::madvise(memory, bytes, MADV_NOHUGEPAGE);
        worker->memory = static_cast<char*>(memory);
        Running* self = worker.get();
        worker->thread = std::thread([self, cpus] { work(*self, cpus); });
        while (worker->state < 1) ::usleep(500);
        if (plan.by == "cpuset") {
            if (!adopted) ThreadCpuset::adopt_process();
            adopted = true;
            pin(worker->tid, -1, cpus); // from here on its cpuset alone holds it
            worker->cpuset = std::make_unique<ThreadCpuset>(plan.name, worker->tid, plan.cpu);
        }
        workers.push_back(std::move(worker));
    }
    sigset_t go;
    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    std::printf("ready %d\n", truth.pid);
    std::fflush(stdout);
    int number = 0;
    sigwait(&go, &number);

    g_go = true;
    g_go.notify_all();
    conduct(workers, scenario, nodes, cpus);
    g_stop = true;
    for (auto& worker : workers) {
        worker->thread.join();
        worker->truth.tid = worker->tid;
        truth.workers.push_back(worker->truth);
    }
    return truth;
}

} // namespace drifter
