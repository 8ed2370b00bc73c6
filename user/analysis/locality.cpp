#include "analysis/locality.h"

#include "timeline/coarsen.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace numadrift {

std::optional<double> Locality::locality() const {
    if (profiled_cpu_ns == 0) return std::nullopt;
    return 1.0 - remote_cpu_ns / static_cast<double>(profiled_cpu_ns);
}

std::string_view cause_of(Opening opening, std::uint8_t cause) {
    if (opening == Opening::page_move) return "page_move";
    return opening == Opening::use_change ? "use_change" : cause_name(cause);
}

namespace {

constexpr std::size_t kMostAway = 1024;
constexpr std::size_t kMostSpans = 4096;
constexpr std::uint64_t kFirstWindowNs = 1'000'000;

// All evidence in the order of time. Where a silence begins or ends, there is a step of nothing.
std::vector<WeightStep> steps_of(const ThreadTrack& track, const WeightLog* process,
                                 const std::vector<Silence>& silences) {
    std::vector<WeightStep> steps = track.weights.steps();
    const auto append = [&steps](const std::vector<WeightStep>& more) {
        steps.insert(steps.end(), more.begin(), more.end());
    };
    append(track.samples.steps());
    append(track.kernel.steps());
    if (process) append(process->steps());
    for (const Silence& silence : silences)
        for (const std::uint64_t time_ns : {silence.begin_ns, silence.end_ns})
            steps.push_back({time_ns, kNoNode, 0, false, Evidence::sampled});
    std::ranges::stable_sort(steps, {}, &WeightStep::time_ns);
    return steps;
}

// The state of the walk: it advances from one change to the next.
class Walker {
public:
    Walker(const ThreadTrack& track, const WeightLog* process, const Topology& topology,
           const Thresholds& thresholds)
        : track_(track), topology_(topology), thresholds_(thresholds), silences_(silences_of(track)),
          steps_(steps_of(track, process, silences_)) {}

    Locality walk() {
        take_steps(track_.begin_ns);
        for (const Stretch& stretch : track_.stretches.pieces()) walk_stretch(stretch);
        // What becomes known or moves after the last look still is the profile at the end.
        take_steps(UINT64_MAX);
        if (const auto at = result_.profile.home(thresholds_)) result_.home = at;
        book();
        close_away(track_.end_ns, true);
        leave_out_shortest(kMostAway);
        for (std::uint64_t window_ns = kFirstWindowNs;
             result_.spans.size() > kMostSpans && window_ns < UINT64_MAX / 4; window_ns *= 2)
            result_.spans = blur(result_.spans, window_ns, &StandingSpan::kind);
        result_.silences = silences_;
        return std::move(result_);
    }

private:
    void walk_stretch(const Stretch& stretch);
    void run(std::uint64_t begin_ns, std::uint64_t end_ns, std::uint64_t ran_ns);
    double remote_part(std::uint64_t ran_ns);
    bool take_steps(std::uint64_t until_ns);
    void settle(std::uint64_t time_ns, const CpuMoveRecord* move, bool by_page_move);
    void begin_turn(std::uint64_t time_ns);
    void end_turn();
    void note_departure(Node moved_off, const CpuMoveRecord& move, bool by_page_move, bool is_known);
    bool is_wavering(bool by_page_move) const;
    bool is_silent(std::uint64_t time_ns);
    void close_away(std::uint64_t time_ns, bool still_open);
    void book();
    void leave_out_shortest(std::size_t most);
    const CpuMoveRecord* move_to(const Stretch& stretch);

    const ThreadTrack& track_;
    const Topology& topology_;
    const Thresholds& thresholds_;
    const std::vector<Silence> silences_;
    const std::vector<WeightStep> steps_;
    std::size_t next_silence_ = 0; // that is not over
    std::size_t next_step_ = 0;
    std::size_t next_move_ = 0;
    Node on_ = kNoNode;
    std::optional<Node> settled_as_;     // on_ when it was settled; nothing but on_ has changed since
    std::optional<double> remote_share_; // of what it runs since then; asked for when it runs
    Node settled_on_ = kNoNode;          // where it was last known to be
    bool was_home_ = false;              // at any time so far
    // What parted it from its memory since it was last at home: a profile that wavers near a limit
    // opens and closes intervals, and each has this cause.
    struct Departure {
        Opening opening = Opening::neither;
        CpuMoveRecord move; // cause and by whom
    };
    std::optional<Departure> departure_;
    // By the node it was moved off while nothing told of its memory, though samples were due. Where the first
    // that come find its memory there, that move parted it: pages that moved meanwhile would have been seen.
    std::map<Node, CpuMoveRecord> left_in_silence_;
    // A thread that goes to other memory of another node is away for as long as samples do not resolve: those
    // from before its move are still near. Should it be home where it went by then, though no page moved, it
    // was not seen to be away, and what was booked since is unknown.
    struct Turn {
        std::uint64_t begin_ns = 0;
        std::size_t spans = 0; // and sums, as they were then
        std::uint64_t total_cpu_ns = 0;
        std::uint64_t profiled_cpu_ns = 0;
        double remote_cpu_ns = 0;
        double distance_cost_ns = 0;
        std::map<Standing, std::uint64_t> standing_cpu_ns;
        std::map<Way, double> use_ns;
    };
    std::optional<Turn> turn_;
    Standing standing_ = Standing::unknown;
    bool is_away_ = false;
    std::uint64_t unbooked_ns_ = 0; // of CPU time, since it was settled
    Locality result_;
};

// Applies the steps up to a time; says whether pages moved among them.
bool Walker::take_steps(std::uint64_t until_ns) {
    bool moved = false;
    if (next_step_ < steps_.size() && steps_[next_step_].time_ns <= until_ns) book();
    while (next_step_ < steps_.size() && steps_[next_step_].time_ns <= until_ns) {
        const WeightStep& step = steps_[next_step_++];
        if (step.node != kNoNode) result_.profile.add(step.evidence, step.node, step.pages);
        moved |= step.by_page_move;
    }
    return moved;
}

// The move that brought it to where it is: several may follow before it runs. Where it stayed for no
// time at all, moves of that moment to elsewhere are those that took it away.
const CpuMoveRecord* Walker::move_to(const Stretch& stretch) {
    const bool stayed = stretch.end_ns > stretch.begin_ns;
    const CpuMoveRecord* last = nullptr;
    for (std::size_t next = next_move_;
         next < track_.moves.size() && track_.moves[next].time_ns <= stretch.begin_ns; ++next) {
        const CpuMoveRecord& move = track_.moves[next];
        if (!stayed && topology_.node_of(move.to) != stretch.node) continue;
        last = &move;
        next_move_ = next + 1;
    }
    return last;
}

void Walker::walk_stretch(const Stretch& stretch) {
    on_ = stretch.node;
    const CpuMoveRecord* move = move_to(stretch);
    const std::size_t steps_before = next_step_;
    const bool pages_moved = take_steps(stretch.begin_ns);
    if (move || next_step_ != steps_before || settled_as_ != on_)
        settle(stretch.begin_ns, move, pages_moved && !move);

    std::uint64_t at_ns = stretch.begin_ns;
    std::uint64_t ran_so_far = 0;
    const std::uint64_t length_ns = stretch.end_ns - stretch.begin_ns;
    const auto ran_until = [&](std::uint64_t time_ns) {
        return length_ns == 0 ? stretch.ran_ns
                              : static_cast<std::uint64_t>(static_cast<double>(stretch.ran_ns) *
                                                           static_cast<double>(time_ns - stretch.begin_ns) /
                                                           static_cast<double>(length_ns));
    };
    while (next_step_ < steps_.size() && steps_[next_step_].time_ns < stretch.end_ns) {
        const std::uint64_t time_ns = steps_[next_step_].time_ns;
        run(at_ns, time_ns, ran_until(time_ns) - ran_so_far);
        ran_so_far = ran_until(time_ns);
        at_ns = time_ns;
        settle(time_ns, nullptr, take_steps(time_ns));
    }
    run(at_ns, stretch.end_ns, stretch.ran_ns - ran_so_far);
}

// Books CPU time under the present node and profile.
void Walker::run(std::uint64_t begin_ns, std::uint64_t end_ns, std::uint64_t ran_ns) {
    const StandingSpan span{begin_ns, end_ns, on_, standing_, ran_ns, remote_part(ran_ns)};
    StandingSpan* last = result_.spans.empty() ? nullptr : &result_.spans.back();
    if (last && last->kind() == span.kind() && last->end_ns == begin_ns &&
        (last->ran_ns == 0) == (ran_ns == 0)) {
        last->end_ns = end_ns;
        last->take_up(span);
    } else result_.spans.push_back(span);
    unbooked_ns_ += ran_ns;
}

// Of what it ran since it was settled: what was not on the node of its memory.
double Walker::remote_part(std::uint64_t ran_ns) {
    if (ran_ns == 0 || standing_ == Standing::unknown || on_ == kNoNode) return 0;
    if (!remote_share_) remote_share_ = 1 - result_.profile.weight(on_);
    return static_cast<double>(ran_ns) * *remote_share_;
}

// What it ran since it was settled, under what it was settled as.
void Walker::book() {
    const std::uint64_t ran_ns = std::exchange(unbooked_ns_, 0);
    if (ran_ns == 0) return;
    result_.total_cpu_ns += ran_ns;
    result_.standing_cpu_ns[standing_] += ran_ns;
    const Node on = settled_as_.value_or(kNoNode);
    if (on == kNoNode) {
        result_.unattributed_cpu_ns += ran_ns;
        return;
    }
    result_.cpu_ns[on] += ran_ns;
    if (is_away_) result_.away.back().cpu_ns += ran_ns;
    if (standing_ == Standing::unknown) return;

    result_.profiled_cpu_ns += ran_ns;
    const auto ran = static_cast<double>(ran_ns);
    const Profile& profile = result_.profile;
    result_.remote_cpu_ns += ran * (1 - profile.weight(on));
    for (const auto& [node, weight] : profile.weights()) {
        result_.use_ns[{on, node}] += ran * weight;
        result_.distance_cost_ns +=
            ran * weight *
            (static_cast<double>(topology_.distance(on, node)) / topology_.distance(on, on) - 1);
    }
}

// After a change at this time: does an away interval begin or end?
void Walker::settle(std::uint64_t time_ns, const CpuMoveRecord* move, bool by_page_move) {
    book();
    settled_as_ = on_;
    remote_share_.reset();
    const bool has_moved = on_ != kNoNode && settled_on_ != kNoNode && on_ != settled_on_;
    const Node moved_off = has_moved ? settled_on_ : kNoNode;
    if (on_ != kNoNode) settled_on_ = on_;
    const bool is_known = !is_silent(time_ns);
    standing_ = is_known ? result_.profile.standing(on_, thresholds_) : Standing::unknown;
    const bool is_seen = on_ != kNoNode && is_known; // else nobody knows where it ran, or its memory was
    if (is_away_ && is_seen && !has_moved && is_wavering(by_page_move)) standing_ = Standing::away;
    result_.last_standing = standing_;
    if (const auto at = result_.profile.home(thresholds_)) result_.home = at;
    note_departure(moved_off, move ? *move : CpuMoveRecord{}, by_page_move, is_known);
    if (turn_ && (has_moved || by_page_move || !is_seen || time_ns > turn_->begin_ns + SampleLog::kAroundNs))
        turn_.reset();
    if (turn_ && standing_ == Standing::home) return end_turn();
    if (standing_ != Standing::away) return close_away(time_ns, false);
    if (is_away_ && result_.away.back().to == on_) return;
    close_away(time_ns, false); // moved on, still away: another interval, with its own cause

    is_away_ = true;
    if (has_moved) begin_turn(time_ns);
    if (result_.away.size() >= 2 * kMostAway) leave_out_shortest(kMostAway);
    AwayInterval& interval = result_.away.emplace_back();
    interval.from = *result_.home;
    interval.to = on_;
    interval.start_ns = time_ns;
    const CpuMoveRecord* mover = move && topology_.node_of(move->from) != on_ ? move : nullptr;
    if (mover) interval.start_ns = mover->time_ns;
    if (departure_) {
        interval.opening = departure_->opening;
        if (!mover && interval.opening == Opening::cpu_move) mover = &departure_->move;
    } else if (was_home_) {
        interval.opening = Opening::use_change;
    }
    if (!mover) return;
    interval.cause = mover->cause;
    interval.by = mover->by;
    interval.by_comm = mover->by_comm;
}

void Walker::begin_turn(std::uint64_t time_ns) {
    turn_ = Turn{time_ns,
                 result_.spans.size(),
                 result_.total_cpu_ns,
                 result_.profiled_cpu_ns,
                 result_.remote_cpu_ns,
                 result_.distance_cost_ns,
                 result_.standing_cpu_ns,
                 result_.use_ns};
}

void Walker::end_turn() {
    AwayInterval& interval = result_.away.back();
    if (!std::exchange(is_away_, false)) result_.away_cpu_ns[interval.opening] -= interval.cpu_ns;
    result_.away.pop_back();
    result_.profiled_cpu_ns = turn_->profiled_cpu_ns;
    result_.remote_cpu_ns = turn_->remote_cpu_ns;
    result_.distance_cost_ns = turn_->distance_cost_ns;
    result_.use_ns = std::move(turn_->use_ns);
    result_.standing_cpu_ns = std::move(turn_->standing_cpu_ns);
    result_.standing_cpu_ns[Standing::unknown] += result_.total_cpu_ns - turn_->total_cpu_ns;
    for (std::size_t i = turn_->spans; i < result_.spans.size(); ++i) {
        result_.spans[i].standing = Standing::unknown;
        result_.spans[i].remote_ns = 0;
    }
    turn_.reset();
}

// What parted it from its memory, where something did.
void Walker::note_departure(Node moved_off, const CpuMoveRecord& move, bool by_page_move, bool is_known) {
    was_home_ |= standing_ == Standing::home;
    if (standing_ == Standing::home) return departure_.reset();
    if (was_home_) {
        if (moved_off != kNoNode) departure_ = {Opening::cpu_move, move};
        else if (by_page_move && !departure_) departure_ = {Opening::page_move, {}};
        return;
    }
    if (moved_off != kNoNode && !is_known) left_in_silence_[moved_off] = move;
    if (standing_ != Standing::away) return;
    const auto left = left_in_silence_.find(*result_.home);
    if (left != left_in_silence_.end()) departure_ = {Opening::cpu_move, left->second};
}

// Times are asked for in order.
bool Walker::is_silent(std::uint64_t time_ns) {
    while (next_silence_ < silences_.size() && silences_[next_silence_].end_ns <= time_ns) ++next_silence_;
    return next_silence_ < silences_.size() && silences_[next_silence_].begin_ns <= time_ns;
}

// Away as before. Where nothing moved, evidence that comes and goes says a little less than it did: no news.
// Pages that moved are news once fewer than make a home are left behind: that they are was decided before,
// and need not be decided again near the limit.
bool Walker::is_wavering(bool by_page_move) const {
    constexpr double kMargin = 0.1;
    const AwayInterval& interval = result_.away.back();
    const double left_behind = result_.profile.weight(interval.from);
    if (by_page_move) return standing_ == Standing::unknown && left_behind >= thresholds_.home_share;
    if (standing_ == Standing::unknown) return left_behind > 0.5;
    return standing_ == Standing::spread && left_behind >= thresholds_.home_share - kMargin &&
           result_.profile.weight(on_) <= thresholds_.away_share + kMargin;
}

void Walker::close_away(std::uint64_t time_ns, bool still_open) {
    if (!is_away_) return;
    is_away_ = false;
    result_.away_cpu_ns[result_.away.back().opening] += result_.away.back().cpu_ns;
    result_.away.back().end_ns = std::max(time_ns, result_.away.back().start_ns);
    result_.away.back().open = still_open;
}

// Moved away and on again, or back, before it ran: it was never away in any sense that costs. Of the
// others the longest are kept.
void Walker::leave_out_shortest(std::size_t most) {
    std::erase_if(result_.away, [](const AwayInterval& interval) { return interval.cpu_ns == 0; });
    if (result_.away.size() <= most) return;
    std::vector<std::uint64_t> ran;
    for (const AwayInterval& interval : result_.away) ran.push_back(interval.cpu_ns);
    std::ranges::nth_element(ran, ran.begin() + static_cast<std::ptrdiff_t>(most), std::greater<>());
    const std::size_t before = result_.away.size();
    const auto longer = std::ranges::count_if(ran, [&](std::uint64_t ns) { return ns > ran[most]; });
    std::size_t alike = most - static_cast<std::size_t>(longer); // may stay
    std::erase_if(result_.away, [&](const AwayInterval& one) {
        if (one.cpu_ns == ran[most] && alike > 0) return --alike, false;
        return one.cpu_ns <= ran[most];
    });
    result_.away_left_out += before - result_.away.size();
}

} // namespace

Locality walk(const ThreadTrack& track, const WeightLog* process, const Topology& topology,
              const Thresholds& thresholds) {
    return Walker(track, process, topology, thresholds).walk();
}

} // namespace numadrift
