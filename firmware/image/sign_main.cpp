// tinsmith-sign: the only program that holds the gateway's private key. See
// firmware/image/signing.hpp for its lines.
#include <sys/prctl.h>
#include <sys/resource.h>

#include <iostream>
#include <string>
#include <string_view>

#include "firmware/image/signing.hpp"

int main(int argc, char** argv) {
    if (argc != 3 || std::string_view(argv[1]) != "--key") {
        std::cerr << "usage: tinsmith-sign --key FILE\n"
                     "Signs what it reads: one {\"kind\":\"image|offer|alive\",\"hex\":\"...\"} a "
                     "line.\n";
        return 2;
    }
    // The key must not end up in a core file, nor be read by a debugger.
    const rlimit noCore{0, 0};
    if (::setrlimit(RLIMIT_CORE, &noCore) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) {
        std::cerr << "cannot switch core files off\n";
        return 1;
    }
    const auto key = tinsmith::image::loadKey(argv[2]);
    if (!key) {
        std::cerr << key.error().message << "\n" << key.error().hint << "\n";
        return 1;
    }
    bool allGood = true;
    for (std::string line; std::getline(std::cin, line);) {
        if (line.empty()) continue;
        const auto reply = tinsmith::image::answerLine(*key, line);
        allGood = allGood && reply.ok;
        std::cout << reply.line << std::endl;  // flushed: the asker waits for each answer
    }
    return allGood ? 0 : 1;
}
