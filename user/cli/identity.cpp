#include "cli/identity.h"

#include "util/text.h"

#include <charconv>
#include <cstdio>
#include <cstring>
#include <fmt/core.h>
#include <grp.h>
#include <memory>
#include <optional>
#include <pwd.h>
#include <unistd.h>

namespace numadrift::cli {
namespace {

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

std::optional<uid_t> number(std::string_view text) {
    uid_t value = 0;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ec != std::errc() || result.ptr != end || value == static_cast<uid_t>(-1))
        return std::nullopt;
    return value;
}

// fgetpwent() and fgetgrent() read the files themselves: getpwnam() would load libraries, which a static
// program must not.
template <class Matches>
std::optional<Identity> find_account(const std::string& root, const Matches& matches) {
    const File file(std::fopen((root + "/etc/passwd").c_str(), "re"));
    if (!file) return std::nullopt;
    while (const passwd* entry = ::fgetpwent(file.get()))
        if (matches(*entry)) return Identity{entry->pw_uid, entry->pw_gid, {}, entry->pw_name, entry->pw_dir};
    return std::nullopt;
}

void add_groups(const std::string& root, Identity& identity) {
    identity.groups = {identity.gid};
    const File file(std::fopen((root + "/etc/group").c_str(), "re"));
    if (!file || identity.name.empty()) return;
    while (const group* entry = ::fgetgrent(file.get()))
        for (char** member = entry->gr_mem; *member; ++member)
            if (identity.name == *member && entry->gr_gid != identity.gid)
                identity.groups.push_back(entry->gr_gid);
}

} // namespace

Result<Identity> find_identity(const std::string& root, const std::string& user) {
    const std::size_t colon = user.find(':');
    const auto uid = number(std::string_view(user).substr(0, colon));
    auto identity = find_account(
        root, [&](const passwd& entry) { return uid ? entry.pw_uid == *uid : user == entry.pw_name; });
    if (uid) {
        if (!identity) identity = Identity{*uid, *uid, {}, {}, "/"};
        if (colon != std::string::npos) {
            const auto gid = number(std::string_view(user).substr(colon + 1));
            if (!gid)
                return Error{fmt::format("no group of that number: {}", printable(user)), "UID:GID", true};
            identity->gid = *gid;
        }
    }
    if (!identity)
        return Error{fmt::format("no user {} in /etc/passwd", printable(user)),
                     "numbers are taken as well: -u UID:GID, as of id " + printable(user), true};
    add_groups(root, *identity);
    return *identity;
}

bool become(const Identity& identity) {
    return ::setgroups(identity.groups.size(), identity.groups.data()) == 0 && ::setgid(identity.gid) == 0 &&
           ::setuid(identity.uid) == 0;
}

} // namespace numadrift::cli
