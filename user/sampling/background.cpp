#include "sampling/background.h"

#include "util/clock.h"
#include "util/guarded.h"

#include <chrono>
#include <utility>

namespace numadrift::sampling {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMostInbox = 8192; // two seconds of 42 CPUs at the default rate
constexpr std::size_t kMostAnswers = 65536;
constexpr auto kPass = milliseconds(20); // while there is something to do
constexpr auto kPassInAHurry = milliseconds(1);
constexpr int kBatchesInAHurry = 4; // each pass, some 0.3 ms
constexpr auto kLongestPass = milliseconds(1000);
constexpr auto kMostFinish = milliseconds(2000);
constexpr auto kMostLastAsking = milliseconds(250);
constexpr std::uint64_t kCountsPeriodNs = 500'000'000;
// Code that is new takes 25 us to read, milliseconds where CPUs are scarce: answers and questions do not wait
// for all of it.
constexpr std::uint64_t kMostReadingNs = 20'000'000;

} // namespace

BackgroundSampler::BackgroundSampler(SamplerOptions options)
    : sampler_(std::move(options)), thread_([this] { run(); }) {}

BackgroundSampler::~BackgroundSampler() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void BackgroundSampler::take(const RawSample& sample) {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    if (inbox_.empty()) changed_.notify_all();
    if (inbox_.size() < kMostInbox) inbox_.push_back(sample);
    else ++overflow_[{sample.pid, sample.tid}];
}

void BackgroundSampler::take(const Answer& answer) {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    if (answers_.empty()) changed_.notify_all();
    if (answers_.size() < kMostAnswers) answers_.push_back(answer);
    else ++overflow_[{answer.pid, answer.tid}];
}

void BackgroundSampler::survey(Pid pid) {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    surveys_.push_back(pid);
    changed_.notify_all();
}

bool BackgroundSampler::is_surveying() const {
    const std::lock_guard lock(mutex_);
    return surveying_ || !surveys_.empty();
}

void BackgroundSampler::hurry() {
    const std::lock_guard lock(mutex_);
    hurrying_ = true;
    changed_.notify_all();
}

void BackgroundSampler::forget(Pid pid) {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    forgotten_.push_back(pid);
}

void BackgroundSampler::collect(std::vector<Event>& events) {
    const std::lock_guard lock(mutex_);
    events.insert(events.end(), std::make_move_iterator(outbox_.begin()),
                  std::make_move_iterator(outbox_.end()));
    outbox_.clear();
}

void BackgroundSampler::finish() {
    std::unique_lock lock(mutex_);
    if (failed_) return;
    finishing_ = true;
    idle_ = false;
    changed_.notify_all();
    changed_.wait_for(lock, kMostFinish, [this] { return idle_; });
}

std::uint64_t BackgroundSampler::query_ns() const {
    const std::lock_guard lock(mutex_);
    return query_ns_;
}

// Questions have their share of time at the end too; what is left then was not asked.
void BackgroundSampler::finish_waiting(std::vector<Event>& events) {
    const auto end = std::chrono::steady_clock::now() + kMostLastAsking;
    while (sampler_.is_waiting() && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(milliseconds(2));
        sampler_.pass(events);
    }
    sampler_.give_up_waiting();
}

// Some of what waits to be read, in order.
void BackgroundSampler::take_some(std::deque<RawSample>& samples, bool all) {
    const std::uint64_t end_ns = monotonic_ns() + kMostReadingNs;
    for (; !samples.empty() && (all || monotonic_ns() < end_ns); samples.pop_front())
        sampler_.take(samples.front());
}

void BackgroundSampler::run() {
    const auto status = guarded([this] { work(); });
    if (status) return;
    const std::lock_guard lock(mutex_);
    failed_ = true;
    inbox_.clear();
    answers_.clear();
    surveys_.clear();
    forgotten_.clear();
    surveying_ = false;
    outbox_.push_back({monotonic_ns(), 0, 0, SourceState{"access_sample", 0, status.error().what, {}}});
    idle_ = true;
    changed_.notify_all();
}

void BackgroundSampler::work() {
    std::deque<RawSample> samples;
    std::vector<Answer> answers;
    std::vector<Event> events;
    std::uint64_t next_counts_ns = 0;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const bool is_last = std::exchange(finishing_, false);
        const bool is_to_hurry = hurrying_;
        if (samples.empty() || is_last) {
            samples.insert(samples.end(), inbox_.begin(), inbox_.end());
            inbox_.clear();
        }
        answers.swap(answers_);
        surveying_ = surveying_ || !surveys_.empty();
        const auto surveys = std::exchange(surveys_, {});
        const auto forgotten = std::exchange(forgotten_, {});
        const auto overflow = std::exchange(overflow_, {});
        lock.unlock();

        for (const Pid pid : forgotten) sampler_.forget(pid);
        for (const Pid pid : surveys) sampler_.survey(pid);
        const bool had_samples = !samples.empty();
        for (const Answer& answer : answers) sampler_.take(answer, events);
        answers.clear();
        take_some(samples, is_last);
        for (const auto& [who, count] : overflow) sampler_.skip(who.first, who.second, count);
        const bool is_busy = had_samples || sampler_.is_busy();
        const bool is_hurrying = is_to_hurry && sampler_.hurry();
        for (int batch = 0; batch < (is_hurrying ? kBatchesInAHurry : 1); ++batch) sampler_.pass(events);
        if (is_last) finish_waiting(events);
        const std::uint64_t now_ns = monotonic_ns();
        if (is_last || now_ns >= next_counts_ns) {
            sampler_.tell_counts(now_ns, events);
            next_counts_ns = now_ns + kCountsPeriodNs;
        }

        lock.lock();
        outbox_.insert(outbox_.end(), std::make_move_iterator(events.begin()),
                       std::make_move_iterator(events.end()));
        events.clear();
        query_ns_ = sampler_.query_ns();
        surveying_ = sampler_.is_surveying();
        if (is_last) {
            idle_ = true;
            changed_.notify_all();
        }
        if (!samples.empty()) continue; // at once
        const auto pass = !is_busy ? kLongestPass : is_hurrying ? kPassInAHurry : kPass;
        changed_.wait_for(lock, pass, [&] {
            return stopping_ || finishing_ || hurrying_ != is_to_hurry || (!is_busy && has_work());
        });
    }
}

} // namespace numadrift::sampling
