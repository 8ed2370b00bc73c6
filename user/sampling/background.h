// A sampler in a thread of its own. Asking for pages waits for the mmap lock of the process that is
// asked about, and that may be held for seconds: the reader of the rings must not wait with it.
#pragma once

#include "sampling/sampler.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace numadrift::sampling {

class BackgroundSampler {
public:
    explicit BackgroundSampler(SamplerOptions options);
    ~BackgroundSampler(); // waits for a question that is under way

    void take(const RawSample& sample);
    void take(const Answer& answer);
    void survey(Pid pid);
    bool is_surveying() const;
    void hurry(); // from now on, where that holds up nobody
    void forget(Pid pid);

    // Appends the events since the last call. The counts of samples come twice a second. Where sampling had
    // to be given up (no memory is left), the source access_sample is off from then on.
    void collect(std::vector<Event>& events);

    // Works off what was taken, as far as that is possible in a moment; then collect() has all.
    void finish();

    std::uint64_t query_ns() const;

private:
    void run(); // the thread: works until it is told to stop, or cannot
    void work();
    bool has_work() const { return !inbox_.empty() || !answers_.empty() || !surveys_.empty(); }
    void take_some(std::deque<RawSample>& samples, bool all);
    void finish_waiting(std::vector<Event>& events);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<RawSample> inbox_;
    std::vector<Answer> answers_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> overflow_; // by pid and tid
    std::vector<Pid> surveys_;
    std::vector<Pid> forgotten_;
    std::vector<Event> outbox_;
    std::uint64_t query_ns_ = 0;
    bool surveying_ = false;
    bool hurrying_ = false;
    bool finishing_ = false;
    bool idle_ = true;
    bool stopping_ = false;
    bool failed_ = false; // nothing is taken any more
    Sampler sampler_;     // of the thread alone
    std::thread thread_;
};

} // namespace numadrift::sampling
