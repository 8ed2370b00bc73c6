// Whose rights a command gets: `record -u USER -- COMMAND`.
#pragma once

#include "util/result.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace numadrift::cli {

struct Identity {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups; // all that it is in, `gid` too
    std::string name;          // empty: a number that no account has
    std::string home;
};

// A name of /etc/passwd, or numbers: "1000", "1000:100". Error: no such account. Names that only a directory
// service knows are not found: the static program has no way to ask for them.
Result<Identity> find_identity(const std::string& root, const std::string& user);

// In the process that is to become it, between fork and exec. False: errno says why not, and it is still
// what it was, or in part.
bool become(const Identity& identity);

} // namespace numadrift::cli
