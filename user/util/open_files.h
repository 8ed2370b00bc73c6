// How many files a process may have open (RLIMIT_NOFILE, getrlimit(2)): the soft limit, which is for programs
// that use select(2), and the hard one, up to which everybody may raise it.
#pragma once

#include <sys/types.h>

namespace numadrift {

// As many as this process may have.
void raise_open_files();

// A child gets what this process had before: programs may not reckon with descriptors from 1,024 on.
void restore_open_files_of(pid_t child);

} // namespace numadrift
