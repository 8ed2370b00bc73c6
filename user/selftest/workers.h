// The inside of the drifting process: its threads, and who moves them.
#pragma once

#include "selftest/drifting_process.h"

namespace numadrift::selftest {

// The whole life of the process. Answers its exit status.
int drift(const Plan& plan, SharedTruth& shared);

} // namespace numadrift::selftest
