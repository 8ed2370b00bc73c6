// A thread's place in the queue for a CPU: its nice value, as in setpriority(2).
#pragma once

namespace numadrift {

// Raises the calling thread while this lives. On a saturated machine a recorder that waits for its turn is
// attached after the incident, and late with all it is told.
class RaisedPriority {
public:
    // nice: from -20, first in the queue, to 19. Threads that are started meanwhile begin with it too. Where
    // it is not permitted (CAP_SYS_NICE, RLIMIT_NICE), nothing changes.
    explicit RaisedPriority(int nice);
    RaisedPriority(const RaisedPriority&) = delete;
    RaisedPriority& operator=(const RaisedPriority&) = delete;
    ~RaisedPriority(); // by the same thread: as it was

    // From now on new threads and processes of the calling thread begin with 0 where it has less
    // (SCHED_RESET_ON_FORK). That is for good.
    static void keep_to_itself();

    // Of the calling thread, in effect.
    static int now();

private:
    int before_;
};

} // namespace numadrift
