#include "recording.h"
#include "report/json.h"
#include "report/report.h"
#include "source/file.h"
#include "source/memory.h"
#include "temporary.h"
#include "trace/writer.h"
#include "util/clock.h"
#include "workload.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <map>
#include <sched.h>
#include <set>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>

using namespace numadrift;
using namespace numadrift::test;

namespace {

void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) ::_exit(3);
}

int cpus() {
    return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
}

} // namespace

TEST_CASE("every move by affinity is seen, with its CPUs, cause and run time") {
    if (cpus() < 2) {
        MESSAGE("SKIPPED: needs two CPUs");
        return;
    }
    constexpr int kMoves = 2000;
    const auto recording = record([] {
        pin(0);
        for (int i = 1; i <= kMoves; ++i) pin(i % 2);
    });
    const auto tid = static_cast<std::uint32_t>(recording.pid);
    const auto moves = recording.all<CpuMove>(tid);
    // The first pin may or may not move it. This kind of host withholds about one scheduler event
    // in 10,000; a guest none. Before the first and after the last pin others may move it too.
    const auto ordered = std::count_if(moves.begin(), moves.end(),
                                       [](const CpuMove& move) { return move.cause == ND_CAUSE_affinity; });
    CHECK(ordered >= kMoves - 4);
    CHECK(ordered <= kMoves + 1);
    CHECK(moves.size() <= static_cast<std::size_t>(ordered) + 3);
    std::uint64_t before = 0;
    for (const auto& move : moves) {
        CHECK(move.from_cpu + move.to_cpu == 1);
        CHECK(move.runtime_ns >= before);
        before = move.runtime_ns;
    }
    CHECK(recording.lost() == 0);
}

TEST_CASE("first touches are counted exactly, by thread and address") {
    struct Found {
        char* memory;
        std::uint32_t tid;
    };
    auto* found = shared<Found>();
    constexpr std::size_t kPages = 3000;
    const auto recording = record([found] {
        std::thread([found] {
            found->memory = fresh_pages(kPages);
            found->tid = static_cast<std::uint32_t>(::syscall(SYS_gettid));
            touch(found->memory, kPages);
        }).join();
    });
    const auto base = reinterpret_cast<std::uint64_t>(found->memory);
    std::set<std::uint64_t> addresses;
    for (const auto& fields : recording.all<FirstTouch>(found->tid)) {
        if (fields.address < base || fields.address >= base + kPages * 4096) continue;
        CHECK(fields.node == 0);
        CHECK(fields.by_tid == found->tid);
        for (std::uint32_t i = 0; i < fields.pages; ++i)
            CHECK_MESSAGE(addresses.insert(fields.address + i * std::uint64_t{4096}).second,
                          "a page counted twice");
    }
    CHECK(addresses.size() == kPages);
}

TEST_CASE("a run of touches is one event, told although the thread stops touching") {
    struct Found {
        char* memory;
        std::uint32_t tid;
        std::uint64_t touching_ns;
    };
    auto* found = shared<Found>();
    const auto recording = record([found] {
        std::thread([found] {
            found->memory = fresh_pages(600);
            found->tid = static_cast<std::uint32_t>(::syscall(SYS_gettid));
            const std::uint64_t begin_ns = monotonic_ns();
            touch(found->memory, 300);
            found->touching_ns = monotonic_ns() - begin_ns;
            ::usleep(3'000'000); // nothing ends the run; twice a second somebody looks
            const std::uint64_t second_ns = monotonic_ns();
            touch(found->memory + 300 * 4096, 300);
            found->touching_ns += monotonic_ns() - second_ns;
        }).join();
    });
    const auto base = reinterpret_cast<std::uint64_t>(found->memory);
    std::uint64_t first_half = 0;
    std::uint64_t pages = 0;
    std::size_t events = 0;
    std::uint64_t end_ns = 0;
    for (const Event& event : recording.events) {
        if (std::holds_alternative<TaskExit>(event.payload) && event.tid == found->tid)
            end_ns = event.time_ns;
        const auto* run = std::get_if<FirstTouch>(&event.payload);
        if (!run || run->address < base || run->address >= base + 600 * 4096) continue;
        ++events;
        pages += run->pages;
        if (end_ns == 0 && run->address < base + 300 * 4096) first_half += run->pages;
    }
    CHECK(pages == 600);
    CHECK(first_half == 300);                             // told before the thread ended
    CHECK(events <= 10 + found->touching_ns / 5'000'000); // what grows older than 10 ms is told
}

TEST_CASE("emitted = received + lost, without and with losses") {
    constexpr std::size_t kRounds = 10;
    for (const std::uint32_t ring_mib : {16u, 1u}) {
        LiveOptions options;
        options.ring_mib = ring_mib;
        options.budget = 0;
        const auto recording = record(
            [] {
                // 16 MiB hold them, however late the reader is.
                for (std::size_t round = 0; round < kRounds; ++round) {
                    char* memory = fresh_pages(20'000);
                    touch_scattered(memory, 20'000);
                    ::munmap(memory, 20'000 * 4096);
                }
            },
            options);
        const auto end = recording.all<TraceEnd>();
        REQUIRE(end.size() == 1);
        CHECK(end[0].emitted == end[0].received + recording.lost());
        CHECK(end[0].received >= recording.all<FirstTouch>().size());
        // By tracepoints a page that is unmapped before its thread's next fault is not seen.
        CHECK(end[0].emitted >= kRounds * (20'000 - 1));
        if (ring_mib == 16) CHECK(recording.lost() == 0);
    }
}

TEST_CASE("a full ring loses events, counts them by kind, and never blocks the target") {
    // Without a reader for as long as the storm lasts, 1 MiB holds about 20,000 records.
    auto* done = shared<std::atomic<bool>>();
    int gate[2];
    REQUIRE(::pipe(gate) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        char word = 0;
        if (::read(gate[0], &word, 1) != 1) ::_exit(1);
        touch_scattered(fresh_pages(100'000), 100'000);
        *done = true;
        ::pause();
    }
    LiveOptions options;
    options.targets = {Pid{static_cast<std::uint32_t>(pid)}};
    options.ring_mib = 1;
    options.budget = 0;
    auto live = LiveSource::attach(options);
    REQUIRE(live);
    REQUIRE(::write(gate[1], "g", 1) == 1);
    while (!*done) ::usleep(1000); // it came through although nobody read
    (*live)->stop();
    std::uint64_t lost = 0;
    std::uint64_t touches = 0;
    std::uint64_t received = 0;
    std::optional<TraceEnd> end;
    std::vector<Event> batch;
    while (*(*live)->next(batch) != Outcome::end)
        for (const Event& event : batch) {
            received += kind_of(event.payload) < ND_KERNEL_KINDS;
            if (const auto* last = std::get_if<TraceEnd>(&event.payload)) end = *last;
            if (const auto* loss = std::get_if<Lost>(&event.payload)) {
                CHECK(loss->event < ND_KERNEL_KINDS); // a move, if it was moved meanwhile
                if (loss->event == ND_EVENT_first_touch) touches += loss->count;
                lost += loss->count;
            }
        }
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    CHECK(touches > 50'000);
    REQUIRE(end.has_value());
    CHECK(end->emitted == end->received + lost);
    CHECK(received >= end->received);
}

TEST_CASE("threads: birth, name, end and final run time") {
    struct Found {
        std::uint32_t tid;
        std::uint64_t cpu_ns;
    };
    auto* found = shared<Found>();
    const auto recording = record([found] {
        std::thread([found] {
            ::prctl(PR_SET_NAME, "named-later");
            found->tid = static_cast<std::uint32_t>(::syscall(SYS_gettid));
            spin_ms(120);
            found->cpu_ns = thread_cpu_ns();
        }).join();
        ::usleep(100'000); // the kernel releases the thread some time after its end
    });
    const auto born = recording.all<TaskNew>(found->tid);
    REQUIRE(born.size() == 1);
    CHECK(born[0].parent_tid == static_cast<std::uint32_t>(recording.pid));
    CHECK(born[0].cpu < static_cast<std::uint32_t>(cpus()));
    const auto names = recording.all<TaskRename>(found->tid);
    REQUIRE_FALSE(names.empty());
    CHECK(names[0].comm == "named-later");
    REQUIRE(recording.all<TaskExit>(found->tid).size() == 1);
    const auto gone = recording.all<TaskGone>(found->tid);
    REQUIRE(gone.size() == 1);
    CHECK(static_cast<double>(gone[0].runtime_ns) ==
          doctest::Approx(static_cast<double>(found->cpu_ns)).epsilon(0.02));
}

TEST_CASE("child processes are followed, from their first touch on") {
    struct Found {
        std::uint32_t pid;
        char* memory;
    };
    auto* found = shared<Found>();
    const auto recording = record([found] {
        const pid_t child = ::fork();
        if (child == 0) {
            found->pid = static_cast<std::uint32_t>(::getpid());
            found->memory = fresh_pages(101);
            touch(found->memory, 101); // a last page is not seen on the tracepoint path
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
    });
    const auto base = reinterpret_cast<std::uint64_t>(found->memory);
    std::size_t pages = 0;
    for (const Event& event : recording.events)
        if (const auto* fields = std::get_if<FirstTouch>(&event.payload); fields && event.pid == found->pid)
            if (fields->address >= base && fields->address < base + 100 * 4096)
                pages += std::min<std::size_t>(fields->pages, (base + 100 * 4096 - fields->address) / 4096);
    CHECK(pages == 100);
    REQUIRE(recording.all<TaskNew>(found->pid).size() == 1);
}

TEST_CASE("exec is seen, with the new name, by whichever thread calls it") {
    const auto recording =
        record([] { std::thread([] { ::execl("/bin/sleep", "sleep", "0.05", nullptr); }).join(); });
    const auto tid = static_cast<std::uint32_t>(recording.pid);
    const auto execs = recording.all<TaskExec>(tid);
    REQUIRE(execs.size() == 1);
    CHECK(execs[0].comm == "sleep");
    CHECK(execs[0].old_tid != tid);
    CHECK(recording.all<TaskExit>(tid).size() == 2); // the old leader's and the new program's
}

TEST_CASE("processes that are no targets leave nothing") {
    int gate[2];
    REQUIRE(::pipe(gate) == 0);
    const pid_t other = ::fork();
    if (other == 0) {
        char word = 0;
        if (::read(gate[0], &word, 1) != 1) ::_exit(1);
        touch(fresh_pages(1000), 1000);
        ::_exit(0);
    }
    const auto recording = record([&gate] {
        if (::write(gate[1], "g", 1) != 1) ::_exit(1);
        ::usleep(50'000);
    });
    ::waitpid(other, nullptr, 0);
    for (const Event& event : recording.events)
        if (event.pid != 0) CHECK(event.pid == static_cast<std::uint32_t>(recording.pid));
}

TEST_CASE("CPU time in the report equals the thread's own clock within 1 %") {
    if (cpus() < 2) {
        MESSAGE("SKIPPED: needs two CPUs");
        return;
    }
    struct Found {
        std::uint64_t spinner_ns;
        std::uint32_t spinner;
    };
    auto* found = shared<Found>();
    const auto recording = record([found] {
        std::thread([found] {
            found->spinner = static_cast<std::uint32_t>(::syscall(SYS_gettid));
            for (int i = 0; i < 40; ++i) {
                pin(i % 2);
                spin_ms(25);
            }
            found->spinner_ns = thread_cpu_ns();
        }).join();
    });
    MemorySource source(recording.events);
    const auto report = make_report(source, {});
    REQUIRE(report);
    std::size_t seen = 0;
    for (const auto& thread : report->threads)
        if (thread.tid == Tid{found->spinner}) {
            ++seen;
            const double sum = static_cast<double>(thread.locality.cpu_ns.at(Node{0}));
            CHECK(sum == doctest::Approx(static_cast<double>(found->spinner_ns)).epsilon(0.01));
            CHECK(thread.verdict == Verdict::home);
        }
    CHECK(seen == 1);
}

TEST_CASE("the report of the live events and that of the trace are the same, byte for byte") {
    const auto recording = record([] {
        touch(fresh_pages(500), 500);
        spin_ms(50);
    });
    const Temporary file;
    auto writer = trace::Writer::create(file.path());
    REQUIRE(writer);
    for (const Event& event : recording.events) REQUIRE(writer->add(event));
    REQUIRE(writer->flush());
    MemorySource live(recording.events);
    auto replay = FileSource::open(file.path());
    REQUIRE(replay);
    CHECK(render_json(*make_report(live, {})) == render_json(*make_report(**replay, {})));
}

TEST_CASE("a live trace is in the order of time and begins and ends as FORMAT.md says") {
    const auto recording = record([] {
        std::thread([] { touch_scattered(fresh_pages(2000), 2000); }).join();
        touch_scattered(fresh_pages(2000), 2000);
    });
    REQUIRE(recording.events.size() > 4000);
    CHECK(std::holds_alternative<TraceBegin>(recording.events.front().payload));
    CHECK(std::holds_alternative<TraceEnd>(recording.events.back().payload));
    // A run of touches is dated to its begin and told at its end. A thread that waits has one open for long:
    // among those of its thread it is in order, among others it comes late.
    std::map<std::uint32_t, std::vector<std::uint64_t>> times_ns; // of touches by thread; 0: all the rest
    for (const Event& event : recording.events)
        times_ns[std::holds_alternative<FirstTouch>(event.payload) ? event.tid : 0].push_back(event.time_ns);
    CHECK(times_ns.size() >= 3);
    for (const auto& [tid, times] : times_ns) CHECK(std::is_sorted(times.begin(), times.end()));
}

TEST_CASE("attaching to what is not there is a clear error") {
    LiveOptions options;
    options.targets = {Pid{4'194'303}};
    options.how = "-p 4194303";
    const auto live = LiveSource::attach(options);
    REQUIRE_FALSE(live);
    CHECK(live.error().what == "no process 4194303");
    CHECK_FALSE(live.error().hint.empty());
}
