#include "source/live/live.h"

#include "probe/host.h"
#include "probe/process.h"
#include "probe/topology.h"
#include "source/live/budget.h"
#include "source/live/host_watch.h"
#include "source/live/memory_watch.h"
#include "source/live/open_runs.h"
#include "source/live/own_event.h"
#include "source/live/permitted.h"
#include "source/live/process_watch.h"
#include "source/live/programs.h"
#include "source/live/rings.h"
#include "source/live/thread_watch.h"
#include "timeline/order.h"
#include "util/clock.h"
#include "util/open_files.h"
#include "util/priority.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <deque>
#include <fmt/core.h>
#include <fmt/ranges.h>

namespace numadrift {
namespace {

// Between two passes: while something happens, and at most where nothing does. The kernel side wakes
// the reader when a ring fills.
constexpr std::uint64_t kPassNs = 20'000'000;
constexpr std::uint64_t kLongestPassNs = 400'000'000;
constexpr std::uint64_t kTaskPeriodNs = 500'000'000;
constexpr std::uint64_t kLongestTaskPeriodNs = 2'000'000'000;
// A ring wakes the reader so many times before it is full.
constexpr u32 kWakesARing = 8;
constexpr std::size_t kMostEventsAPass = 100'000;
// Threads of a process may be released after its leader. Until then it stays a target.
constexpr std::uint64_t kLeaveNs = 2'000'000'000;
constexpr std::uint64_t kLongestLastSurveyNs = 500'000'000;
constexpr std::uint64_t kLastPassesNs = 2'000'000; // until then
// More events than this are not held back for the sake of their order.
constexpr std::size_t kMostHeld = 500'000;
// A program takes its time before it submits, and hint faults are dated back to their beginning:
// how long before the last pass an event may still be under way.
constexpr std::uint64_t kUnderWayNs = 20'000'000;

std::uint64_t budget_ns(double share, const Topology& topology) {
    const auto nodes = std::ranges::count_if(
        topology.nodes, [&](const auto& entry) { return !topology.cpus_of(entry.first).empty(); });
    return static_cast<std::uint64_t>(share * 1e9 * static_cast<double>(std::max<std::ptrdiff_t>(nodes, 1)));
}

class Live final : public LiveSource {
public:
    Live(LiveOptions options, Topology topology, std::unique_ptr<live::Programs> programs,
         std::unique_ptr<live::Rings> rings, std::unique_ptr<RaisedPriority> priority)
        : priority_(std::move(priority)), options_(std::move(options)), topology_(std::move(topology)),
          programs_(std::move(programs)), rings_(std::move(rings)), memory_(*programs_, options_.root),
          processes_(options_.root), host_(options_.root, topology_), begin_ns_(monotonic_ns()),
          budget_(*programs_, budget_ns(options_.budget, topology_), begin_ns_) {}

    void mark(Pid pid);
    bool mark_found();
    Status see_events_flow();
    Status mark_targets();
    void announce();

    Result<Outcome> next(std::vector<Event>& events) override;
    void stop() override { stopping_ = true; }
    void mark(const std::string& text) override { add(monotonic_ns(), Mark{text}); }
    void look_soon() override {
        next_tasks_ns_ = 0;
        pass_ns_ = kPassNs;
    }
    void wake_for(int fd) override { rings_->also_wake_for(fd); }
    bool targets_alive() const override { return alive_ || (options_.joins_later && !are_gone_); }
    LiveProgress progress() const override {
        return {rings_->received() - own_events_, lost_, threads_.size()};
    }
    const std::vector<SourceState>& sources() const override { return programs_->sources(); }

private:
    void add(std::uint64_t time_ns, Payload payload, std::uint32_t pid = 0, std::uint32_t tid = 0);
    void drain();
    bool take_note(Event& event);
    void look_at_tasks(bool first);
    void look_around();
    void pace(bool is_busy);
    void count_losses(std::uint64_t now_ns);
    void tell_cost(std::uint64_t now_ns);
    bool has_last_surveys();
    void finish();
    void take_off_targets();
    void wait_for_next_pass();

    std::unique_ptr<RaisedPriority> priority_; // until the recording is over
    int nice_ = RaisedPriority::now();
    LiveOptions options_;
    Topology topology_;
    std::unique_ptr<live::Programs> programs_;
    std::unique_ptr<live::Rings> rings_;
    live::MemoryWatch memory_;
    live::ProcessWatch processes_;
    live::HostWatch host_;
    Orderer order_;
    std::uint64_t begin_ns_;
    live::Budget budget_;
    std::uint64_t pass_ns_ = kPassNs;
    std::uint64_t task_period_ns_ = kTaskPeriodNs;
    std::uint64_t pass_begin_ns_ = 0;
    std::uint64_t next_tasks_ns_ = 0;
    live::ThreadWatch threads_;
    live::OpenRuns open_runs_;
    // Processes that ended, and when they are to be taken off the targets.
    std::deque<std::pair<std::uint64_t, std::uint32_t>> leaving_;
    std::vector<std::uint64_t> lost_by_kind_ = std::vector<std::uint64_t>(ND_KERNEL_KINDS);
    std::uint64_t own_events_ = 0; // of the proof that they flow: emitted and received for nobody else
    std::uint64_t lost_ = 0;
    bool alive_ = true;
    bool are_gone_ = false; // those that options_.find would find
    bool stopping_ = false;
    bool finished_ = false;
    std::uint64_t finish_by_ns_ = 0; // surveyed or not; 0: it was not to stop yet
    bool more_ = false;
};

void Live::add(std::uint64_t time_ns, Payload payload, std::uint32_t pid, std::uint32_t tid) {
    order_.inbox().push_back(Event{time_ns, pid, tid, std::move(payload)});
}

// What a reader must know before the first kernel event.
void Live::announce() {
    const auto host = probe::read_host(options_.root);
    add(begin_ns_, TraceBegin{clock_ns(CLOCK_REALTIME), host.numa_balancing, host.name, host.kernel,
                              NUMADRIFT_VERSION, host.firmware});
    for (auto& payload : topology_.to_events()) add(begin_ns_, std::move(payload));
    for (const auto& state : programs_->sources()) add(begin_ns_, state);
    for (const Pid pid : options_.targets) add(begin_ns_, Target{options_.how}, raw(pid));
}

void Live::mark(Pid pid) {
    programs_->targets()[raw(pid) % ND_MAX_PIDS] = 1;
}

// Marks what is a target and was not marked; says whether there was any.
bool Live::mark_found() {
    const auto found = options_.find();
    are_gone_ = !found;
    bool any = false;
    for (const Pid pid : found.value_or(std::vector<Pid>())) {
        if (programs_->targets()[raw(pid) % ND_MAX_PIDS]) continue;
        mark(pid);
        add(monotonic_ns(), Target{options_.how}, raw(pid));
        any = true;
    }
    return any;
}

Status Live::see_events_flow() {
    const auto seen = live::see_own_event(*programs_, *rings_);
    if (!seen) return seen.error();
    own_events_ = *seen;
    return Done{};
}

Status Live::mark_targets() {
    for (const Pid pid : options_.targets) mark(pid);
    // Those that were born of unmarked ones meanwhile; a child of a marked one is.
    while (options_.find && mark_found()) {
    }
    look_at_tasks(true);
    if (threads_.size() == 0)
        return Error{
            fmt::format("{} ended while numadrift attached", options_.how),
            "if it restarts often, name it with --comm or start it with: numadrift record -- COMMAND"};
    return Done{};
}

void Live::drain() {
    auto& inbox = order_.inbox();
    const std::size_t before = inbox.size();
    more_ = rings_->drain(inbox, kMostEventsAPass);
    const auto dropped = std::remove_if(inbox.begin() + static_cast<std::ptrdiff_t>(before), inbox.end(),
                                        [this](Event& event) { return !take_note(event); });
    inbox.erase(dropped, inbox.end());
}

// False for an event that was told in full before it came.
bool Live::take_note(Event& event) {
    memory_.take_note(event);
    processes_.take_note(event);
    threads_.take_note(event);
    if (std::holds_alternative<TaskGone>(event.payload)) {
        if (threads_.size() == 0) look_soon(); // the last one: the recording may be over
        if (event.tid == event.pid) leaving_.emplace_back(event.time_ns + kLeaveNs, event.pid);
    }
    return open_runs_.take(event);
}

void Live::look_at_tasks(bool first) {
    alive_ = false;
    const auto rows = programs_->tasks();
    threads_.end_lost(rows, lost_, monotonic_ns(), order_.inbox());
    for (const nd_task_row& row : rows) {
        alive_ |= row.ended == 0;
        if (row.ended == 0 || threads_.knows(row.tid)) threads_.look(row, first, order_.inbox());
        if (row.ended == 0) processes_.look(row.time_ns, row.pid, order_.inbox());
        open_runs_.look(row, order_.inbox());
    }
    memory_.look(monotonic_ns(), rows, order_.inbox());
}

void Live::count_losses(std::uint64_t now_ns) {
    const auto counts = programs_->counts();
    for (std::uint32_t kind = 0; kind < counts.size(); ++kind) {
        const std::uint64_t lost = counts[kind].lost - lost_by_kind_[kind];
        if (lost == 0) continue;
        add(now_ns, Lost{kind == ND_COUNT_SAMPLES ? std::uint32_t{ND_EVENT_access_sample} : kind, lost});
        lost_by_kind_[kind] = counts[kind].lost;
        lost_ += lost;
    }
}

void Live::tell_cost(std::uint64_t now_ns) {
    Overhead cost = budget_.cost();
    cost.query_ns = memory_.query_ns();
    cost.nice = nice_;
    add(now_ns, cost);
}

void Live::take_off_targets() {
    while (!leaving_.empty() && leaving_.front().first <= pass_begin_ns_) {
        const std::uint32_t pid = leaving_.front().second;
        leaving_.pop_front();
        if (!threads_.knows(pid)) programs_->targets()[pid % ND_MAX_PIDS] = 0; // else born again
    }
}

void Live::wait_for_next_pass() {
    const std::uint64_t pass_ns = stopping_ ? kLastPassesNs : pass_ns_;
    const std::uint64_t due_ns = std::min(pass_begin_ns_ + pass_ns, budget_.due_ns());
    const std::uint64_t now_ns = monotonic_ns();
    if (more_ || now_ns >= due_ns) return;
    rings_->wait(due_ns - now_ns); // a signal ends it early: the caller wants to know
}

// Of all processes: what each has by now decides what can be advised. Passes go on meanwhile.
bool Live::has_last_surveys() {
    if (finish_by_ns_ == 0) {
        memory_.survey_all();
        finish_by_ns_ = pass_begin_ns_ + kLongestLastSurveyNs;
    }
    return !memory_.is_surveying() || pass_begin_ns_ >= finish_by_ns_;
}

void Live::finish() {
    budget_.finish();
    programs_->detach(); // but for the task iterator: nothing is written any more
    do drain();
    while (more_);
    memory_.finish(order_.inbox());
    processes_.finish(monotonic_ns(), order_.inbox());
    const std::uint64_t before_ns = monotonic_ns();
    count_losses(before_ns); // before the run times below, which they make uncertain
    look_at_tasks(false);
    const std::uint64_t now_ns = monotonic_ns();
    host_.finish(now_ns, order_.inbox());
    tell_cost(now_ns);
    std::uint64_t emitted = 0;
    const auto counts = programs_->counts();
    for (std::uint32_t kind = 0; kind < counts.size(); ++kind)
        if (kind != ND_COUNT_SAMPLES) emitted += counts[kind].emitted;
    add(now_ns,
        TraceEnd{emitted - own_events_, rings_->received() - own_events_, programs_->run_time().missed});
    finished_ = true;
    priority_.reset(); // what is made of it may wait
}

void Live::look_around() {
    const std::size_t before = order_.inbox().size();
    if (options_.joins_later) mark_found();
    open_runs_.forget_ended();
    look_at_tasks(false);
    count_losses(pass_begin_ns_);
    const bool is_quiet = order_.inbox().size() == before;
    task_period_ns_ = is_quiet ? std::min(2 * task_period_ns_, kLongestTaskPeriodNs) : kTaskPeriodNs;
    tell_cost(pass_begin_ns_);
    host_.look(pass_begin_ns_, is_quiet, order_.inbox());
    next_tasks_ns_ = pass_begin_ns_ + task_period_ns_;
}

// Where nothing happens, nothing is looked for that often.
void Live::pace(bool is_busy) {
    if (!is_busy) {
        pass_ns_ = std::clamp(2 * pass_ns_, kPassNs, kLongestPassNs);
        return;
    }
    pass_ns_ = kPassNs;
    task_period_ns_ = kTaskPeriodNs;
    next_tasks_ns_ = std::min(next_tasks_ns_, pass_begin_ns_ + kTaskPeriodNs);
}

// Made wrong on purpose, where a build asks for it: pages of node 0 are told to be on node 1, and the other
// way.
void break_nodes([[maybe_unused]] std::vector<Event>& events) {
#ifdef NUMADRIFT_BREAK_NODES
    const auto swap_nodes = [](std::int32_t& node) { node = node == 0 || node == 1 ? 1 - node : node; };
    for (Event& event : events) {
        if (auto* touch = std::get_if<FirstTouch>(&event.payload)) swap_nodes(touch->node);
        if (auto* sample = std::get_if<AccessSample>(&event.payload)) swap_nodes(sample->node);
    }
#endif
}

Result<Outcome> Live::next(std::vector<Event>& events) {
    events.clear();
    if (finished_) return Outcome::end;
    wait_for_next_pass();
    const std::uint64_t previous_pass_ns = std::exchange(pass_begin_ns_, monotonic_ns());
    if (stopping_ && has_last_surveys()) {
        finish();
        order_.release(UINT64_MAX, events);
        break_nodes(events);
        return Outcome::batch;
    }
    const std::size_t held = order_.inbox().size();
    drain();
    memory_.pass(order_.inbox());
    pace(order_.inbox().size() > held);
    if (pass_begin_ns_ >= next_tasks_ns_) look_around();
    budget_.pass(order_.inbox());
    programs_->vary_clocks(pass_begin_ns_);
    take_off_targets();
    const bool hold = more_ && order_.inbox().size() < kMostHeld;
    if (!hold && previous_pass_ns > kUnderWayNs) order_.release(previous_pass_ns - kUnderWayNs, events);
    break_nodes(events);
    return events.empty() ? Outcome::timeout : Outcome::batch;
}

// Of each CPU. Not a divisor of any tick; fewer where there are many CPUs, whose samples are all
// decoded in one place.
std::uint32_t sample_hz(std::size_t cpus) {
    constexpr std::size_t kMostSamplesASecond = 6208; // 97 Hz of 64 CPUs
    for (const std::uint32_t hz : {97u, 47u, 23u})
        if (hz * cpus <= kMostSamplesASecond) return hz;
    return 11;
}

} // namespace

Result<std::unique_ptr<LiveSource>> LiveSource::attach(const LiveOptions& options) {
    for (const Pid pid : options.targets) // by name: whoever is left when the programs are attached
        if (auto status = probe::check_process(options.root, pid); !status && !options.find)
            return status.error();
    if (auto status = live::check_permitted(probe::read_host(options.root)); !status) return status.error();
    auto priority = live::take_priority(options.nice);
    raise_open_files(); // the clock of each CPU is one
    auto topology = probe::read_topology(options.root);
    if (!topology) return topology.error();

    live::ProgramOptions program_options;
    program_options.wake_bytes = (options.ring_mib << 20) / kWakesARing;
    program_options.tracepoints_only = options.tracepoints_only;
    program_options.follows_children = options.follows_children;
    for (const auto& [cpu, info] : topology->cpus) program_options.cpus.push_back(raw(cpu));
    program_options.sample_hz = options.sample_hz ? *options.sample_hz : sample_hz(topology->cpus.size());
    program_options.node_ids = probe::possible_nodes(options.root);
    program_options.pfn_ranges = live::pfn_ranges(options.root);
    auto programs = live::Programs::attach(program_options);
    if (!programs) return programs.error();

    std::vector<u32> nodes;
    for (const auto& [node, info] : topology->nodes) nodes.push_back(static_cast<u32>(raw(node)));
    auto rings = live::Rings::create(**programs, nodes, options.ring_mib << 20);
    if (!rings) return rings.error();

    live::give_up_privileges(options.keeps_override, options.executes);
    auto live = std::make_unique<Live>(options, *std::move(topology), *std::move(programs), *std::move(rings),
                                       std::move(priority));
    RaisedPriority::keep_to_itself(); // the sampler has begun with it
    live->announce();
    if (auto status = live->see_events_flow(); !status) return status.error();
    if (auto status = live->mark_targets(); !status) return status.error();
    return std::unique_ptr<LiveSource>(std::move(live));
}

} // namespace numadrift
