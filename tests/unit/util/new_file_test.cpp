#include "util/new_file.h"

#include "temporary.h"
#include "util/errno_hint.h"
#include "util/output.h"

#include <cerrno>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

using namespace numadrift;
using test::Temporary;

namespace {

unsigned mode_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777;
}

// What Output says of a place where it cannot write, from opening it or from the end.
Error error_of(const std::string& path, const std::string& text = "new") {
    auto out = Output::open(path);
    if (!out) return out.error();
    out->write(text);
    const auto status = out->finish();
    REQUIRE_FALSE(status);
    return status.error();
}

} // namespace

TEST_CASE("what is exported is for its owner alone, also where a file was open to all") {
    const Temporary file("old content");
    REQUIRE(::chmod(file.path().c_str(), 0644) == 0);
    auto out = Output::open(file.path());
    REQUIRE(out);
    out->write("new");
    CHECK(out->finish());
    CHECK(mode_of(file.path()) == 0600);
    CHECK(*read_file(file.path()) == "new");
}

TEST_CASE("what is exported goes through no symbolic link, and not over a file of another user") {
    const Temporary file("old content");
    const std::string link = file.path() + ".link";
    REQUIRE(::symlink(file.path().c_str(), link.c_str()) == 0);
    CHECK(error_of(link).hint.find("symbolic link") != std::string::npos);
    ::unlink(link.c_str());
    if (::geteuid() == 0) {
        REQUIRE(::chown(file.path().c_str(), 65534, 65534) == 0);
        CHECK(error_of(file.path()).what.find("it belongs to user 65534") != std::string::npos);
    }
    CHECK(*read_file(file.path()) == "old content");
}

TEST_CASE("a place that takes no file is told with what to try") {
    CHECK(error_of("/dev/full").hint.find("free some space") != std::string::npos);
    CHECK(error_of("/nonexistent/x").hint.find("directory does not exist") != std::string::npos);
    CHECK(error_of("/tmp").hint.find("it is a directory") != std::string::npos);
    CHECK(Output::open("/dev/null"));
}

TEST_CASE("a file at the limit of file sizes is an error, where main() ignores the signal") {
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const rlimit small{4096, limit.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const Temporary file("");
    const Error error = error_of(file.path(), std::string(100'000, 'x'));
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, before);
    CHECK(error.hint.find("ulimit -f") != std::string::npos);
}

TEST_CASE("what is used up has a hint of its own, whatever was asked for") {
    for (const int error : {EMFILE, ENFILE, ENOMEM}) {
        CHECK_FALSE(resource_hint(error).empty());
        CHECK(file_hint(error) == resource_hint(error));
    }
    CHECK(resource_hint(EINVAL).empty());
}
