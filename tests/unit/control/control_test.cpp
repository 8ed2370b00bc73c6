// A recorder and who speaks to it.
#include "control/control.h"

#include "temporary.h"
#include "util/clock.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace numadrift;
using namespace numadrift::test;

TEST_CASE("what is said to a recorder reaches it, and its answer comes back") {
    Tree place;
    ::setenv("NUMADRIFT_RUN_DIR", (place.root() + "/run").c_str(), 1);
    CHECK(control::recorders().empty());
    {
        auto server = control::Server::open();
        REQUIRE(server);
        CHECK(control::recorders() == std::vector<int>{::getpid()});
        struct stat status {};
        REQUIRE(::stat(fmt::format("{}/run/{}.sock", place.root(), ::getpid()).c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);

        std::string heard;
        const auto ask = [&](const std::string& line) {
            Result<std::string> answer = Error{"", ""};
            std::thread asker([&] { answer = control::say(::getpid(), line); });
            for (int i = 0; i < 200 && heard != line; ++i) {
                server->pass([&heard](const std::string& text) {
                    heard = text;
                    return text.starts_with("bad") ? std::string("error: no") : "done: " + text;
                });
                ::usleep(5000);
            }
            asker.join();
            return answer;
        };
        const auto answer = ask("mark deploy 42");
        REQUIRE(answer);
        CHECK(*answer == "done: mark deploy 42");
        const auto refused = ask("bad");
        REQUIRE(!refused);
        CHECK(refused.error().what == "no");
        const auto cut = ask("mark " + std::string(4090, 'x'));
        CHECK(cut);
    }
    CHECK(control::recorders().empty());
    ::unsetenv("NUMADRIFT_RUN_DIR");
}

TEST_CASE("a recorder waits for nobody who calls it and does not speak") {
    Tree place;
    ::setenv("NUMADRIFT_RUN_DIR", place.root().c_str(), 1);
    auto server = control::Server::open();
    REQUIRE(server);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    fmt::format_to_n(address.sun_path, sizeof address.sun_path - 1, "{}/{}.sock", place.root(), ::getpid());
    std::vector<Fd> silent;
    for (int i = 0; i < 5; ++i) {
        silent.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(silent.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    REQUIRE(::write(silent.front().get(), "mar", 3) == 3);

    Result<std::string> answer = Error{"", ""};
    std::atomic<bool> is_over = false;
    std::thread asker([&] {
        answer = control::say(::getpid(), "mark x");
        is_over = true;
    });
    std::uint64_t longest_ns = 0;
    const std::uint64_t begin_ns = monotonic_ns();
    while (!is_over || monotonic_ns() < begin_ns + 2'500'000'000) {
        const std::uint64_t pass_ns = monotonic_ns();
        server->pass([](const std::string&) { return std::string("done"); });
        longest_ns = std::max(longest_ns, monotonic_ns() - pass_ns);
        ::usleep(10'000);
    }
    asker.join();
    CHECK(answer);
    CHECK(longest_ns < 900'000'000); // five calls of 200 ms it was
    for (const Fd& caller : silent) {
        char byte = 0;
        CHECK(::recv(caller.get(), &byte, 1, MSG_DONTWAIT) == 0); // hung up on
    }
    ::unsetenv("NUMADRIFT_RUN_DIR");
}

TEST_CASE("sockets of killed recorders are swept up, and a directory of others is refused") {
    Tree place;
    ::setenv("NUMADRIFT_RUN_DIR", place.root().c_str(), 1);
    place.file("/4194303.sock", "");
    place.file("/x.sock", "");
    CHECK(control::recorders().empty());
    CHECK(::access((place.root() + "/4194303.sock").c_str(), F_OK) != 0);
    CHECK(!control::say(4194303, "mark x"));
    REQUIRE(::chmod(place.root().c_str(), 0777) == 0);
    CHECK(!control::Server::open());
    ::unsetenv("NUMADRIFT_RUN_DIR");
}
