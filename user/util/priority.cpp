#include "util/priority.h"

#include <sched.h>
#include <sys/resource.h>

namespace numadrift {

// On Linux a nice value is a thread's, and 0 is the calling one (kernel/sys.c: setpriority(), 5.10 to 7.2).
RaisedPriority::RaisedPriority(int nice) : before_(now()) {
    (void)::setpriority(PRIO_PROCESS, 0, nice);
}

RaisedPriority::~RaisedPriority() {
    (void)::setpriority(PRIO_PROCESS, 0, before_);
}

void RaisedPriority::keep_to_itself() {
    const sched_param parameters{};
    const int policy = ::sched_getscheduler(0);
    if (policy == SCHED_OTHER || policy == SCHED_BATCH)
        (void)::sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &parameters);
}

int RaisedPriority::now() {
    return ::getpriority(PRIO_PROCESS, 0);
}

} // namespace numadrift
