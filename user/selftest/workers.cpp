#include "selftest/workers.h"

#include "util/clock.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/core.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <vector>

namespace numadrift::selftest {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMemoryBytes = std::size_t{4} << 20;
constexpr std::size_t kTouchedBytes = std::size_t{1} << 20; // while it is recorded, by a thread that stays
constexpr std::uint64_t kPhaseNs = 2'000'000'000;
constexpr std::uint64_t kLeastCpuNs = 300'000'000; // of a thread, in each phase
constexpr std::uint64_t kLongestPhaseNs = 20'000'000'000;

// What can be wrong, as errno has it.
struct Trouble {
    const char* what = nullptr;
    int error = 0;
};

bool pin(pid_t tid, Cpu cpu) {
    std::vector<cpu_set_t> sets(raw(cpu) / CPU_SETSIZE + 1);
    const std::size_t bytes = sets.size() * sizeof(cpu_set_t);
    CPU_SET_S(raw(cpu), bytes, sets.data());
    return ::sched_setaffinity(tid, bytes, sets.data()) == 0;
}

// Small pages of one node, not touched yet; null and errno where there are none.
char* reserve(std::size_t bytes, Node node) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    ::madvise(memory, bytes, MADV_NOHUGEPAGE);
    std::array<unsigned long, 16> nodes{}; // 1024 of them, MAX_NUMNODES
    const auto number = static_cast<unsigned>(raw(node));
    nodes.at(number / 64) |= 1ul << number % 64;
    const long status =
        ::syscall(SYS_mbind, memory, bytes, MPOL_BIND, nodes.data(), nodes.size() * 64 + 1, 0);
    return status == 0 || errno == ENOSYS ? static_cast<char*>(memory) : nullptr; // no NUMA in this kernel
}

// Every cache line: looking at clocks and flags must not be what a thread mostly does.
void use(char* memory, std::size_t bytes, std::size_t step) {
    for (std::size_t at = 0; at < bytes; at += step) {
        volatile char* byte = memory + at;
        *byte = static_cast<char>(*byte + 1);
    }
}

// Asks the kernel where the memory is.
void look_at_pages(char* memory, Node node, SharedTruth::Worker& told) {
    std::vector<void*> pages;
    for (std::size_t at = 0; at < kMemoryBytes; at += kPage) pages.push_back(memory + at);
    std::vector<int> status(pages.size(), -1);
    if (::syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, status.data(), 0) != 0 &&
        errno == ENOSYS)
        status.assign(pages.size(), 0);
    told.pages = pages.size();
    told.pages_on_node = static_cast<std::uint64_t>(std::ranges::count(status, raw(node)));
}

struct Worker {
    const WorkerPlan* plan = nullptr;
    SharedTruth::Worker* told = nullptr;
    char* memory = nullptr;
    char* fresh = nullptr; // to be touched when it is recorded; null for none
    std::uint64_t go_cpu_ns = 0;
    Trouble trouble;
    std::thread thread;
};

class Drift {
public:
    Drift(const Plan& plan, SharedTruth& shared) : plan_(plan), shared_(shared) {}

    Trouble run();

private:
    void work(Worker& self);
    bool prepare(Worker& self);
    void wait_for_phase(std::uint64_t begin_ns, const std::array<std::uint64_t, kWorkers>& cpu_ns) const;
    Trouble move(Worker& worker, Cpu to) const;
    Trouble follow_script();
    std::array<std::uint64_t, kWorkers> cpu_times() const;

    const Plan& plan_;
    SharedTruth& shared_;
    std::array<Worker, kWorkers> workers_;
    std::atomic<int> ready_{0};
    std::atomic<int> started_{0};
    std::atomic<bool> go_{false};
};

std::uint64_t cpu_time_of(const Worker& worker) {
    clockid_t clock{};
    auto& thread = const_cast<std::thread&>(worker.thread);
    return ::pthread_getcpuclockid(thread.native_handle(), &clock) == 0 ? clock_ns(clock) - worker.go_cpu_ns
                                                                        : 0;
}

bool Drift::prepare(Worker& self) {
    ::prctl(PR_SET_NAME, self.plan->name.c_str());
    self.told->tid = static_cast<std::uint32_t>(::syscall(SYS_gettid));
    if (!pin(0, self.plan->cpu)) return self.trouble = {"sched_setaffinity", errno}, false;
    self.memory = reserve(kMemoryBytes, self.plan->node);
    if (self.plan->script == Script::stays) self.fresh = reserve(kTouchedBytes, self.plan->node);
    if (!self.memory || (self.plan->script == Script::stays && !self.fresh))
        return self.trouble = {"mbind", errno}, false;
    use(self.memory, kMemoryBytes, kPage);
    look_at_pages(self.memory, self.plan->node, *self.told);
    return true;
}

void Drift::work(Worker& self) {
    const bool is_good = prepare(self);
    ++ready_;
    if (!is_good) return;
    go_.wait(false);
    self.go_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (self.fresh) {
        use(self.fresh, kTouchedBytes, kPage);
        self.told->touched_from = reinterpret_cast<std::uintptr_t>(self.fresh);
        self.told->touched_pages = kTouchedBytes / kPage;
    }
    ++started_;
    constexpr std::size_t kLine = 64;
    while (!shared_.is_over) use(self.memory, kMemoryBytes, kLine);
    self.told->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - self.go_cpu_ns;
}

std::array<std::uint64_t, kWorkers> Drift::cpu_times() const {
    std::array<std::uint64_t, kWorkers> times{};
    for (std::size_t i = 0; i < kWorkers; ++i) times.at(i) = cpu_time_of(workers_.at(i));
    return times;
}

// At least so long, and until each thread has run: the machine may be busy.
void Drift::wait_for_phase(std::uint64_t begin_ns, const std::array<std::uint64_t, kWorkers>& cpu_ns) const {
    for (;;) {
        const std::uint64_t elapsed_ns = monotonic_ns() - begin_ns;
        bool have_run = true;
        for (std::size_t i = 0; i < kWorkers; ++i)
            have_run &= cpu_time_of(workers_.at(i)) >= cpu_ns.at(i) + kLeastCpuNs;
        if (elapsed_ns >= kLongestPhaseNs || (elapsed_ns >= kPhaseNs && have_run)) return;
        ::usleep(5000);
    }
}

Trouble Drift::move(Worker& worker, Cpu to) const {
    SharedTruth::Move& told = worker.told->moves[worker.told->move_count];
    told.cpu_begin_ns = cpu_time_of(worker);
    told.begin_ns = monotonic_ns();
    if (!pin(static_cast<pid_t>(worker.told->tid), to)) return {"sched_setaffinity", errno};
    told.end_ns = monotonic_ns();
    told.cpu_end_ns = cpu_time_of(worker);
    ++worker.told->move_count;
    return {};
}

Trouble Drift::follow_script() {
    for (const bool returns : {false, true}) {
        wait_for_phase(monotonic_ns(), cpu_times());
        for (Worker& worker : workers_) {
            const Script script = worker.plan->script;
            if (script == Script::stays || (returns && script == Script::moves_away)) continue;
            const Trouble trouble = move(worker, returns ? worker.plan->cpu : worker.plan->away_cpu);
            if (trouble.what) return trouble;
        }
    }
    wait_for_phase(monotonic_ns(), cpu_times());
    return {};
}

Trouble Drift::run() {
    for (std::size_t i = 0; i < kWorkers; ++i) {
        workers_.at(i).plan = &plan_.workers.at(i);
        workers_.at(i).told = &shared_.workers[i];
        workers_.at(i).thread = std::thread([this, i] { work(workers_.at(i)); });
    }
    while (ready_ < static_cast<int>(kWorkers)) ::usleep(1000);
    Trouble trouble;
    for (const Worker& worker : workers_)
        if (worker.trouble.what) trouble = worker.trouble;
    if (trouble.what) {
        shared_.is_over = true;
    } else {
        shared_.is_ready = true;
        while (!shared_.is_go) ::usleep(1000);
    }
    go_ = true;
    go_.notify_all();
    if (!trouble.what) {
        while (started_ < static_cast<int>(kWorkers)) ::usleep(1000);
        trouble = follow_script();
        shared_.is_done = true;
        if (trouble.what) shared_.is_over = true;
    }
    for (Worker& worker : workers_) worker.thread.join();
    return trouble;
}

void tell(const Trouble& trouble, SharedTruth& shared) {
    const std::string text = fmt::format("{}: {}", trouble.what, errno_text(trouble.error));
    text.copy(shared.error, sizeof shared.error - 1);
}

} // namespace

int drift(const Plan& plan, SharedTruth& shared) {
    Drift drift(plan, shared);
    const Trouble trouble = drift.run();
    if (trouble.what) tell(trouble, shared);
    return trouble.what ? 1 : 0;
}

} // namespace numadrift::selftest
