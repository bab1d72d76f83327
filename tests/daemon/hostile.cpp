// A child that tries to do harm, one kind a call: prints "done" where it succeeded, "refused: …"
// where it did not. Linked statically so that it runs in any cage.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

int tell(bool success) {
    if (success) {
        std::printf("done\n");
    } else {
        std::printf("refused: %s\n", std::strerror(errno));
    }
    return success ? 0 : 1;
}

int forkBomb(int wanted) {
    std::vector<pid_t> children;
    for (int i = 0; i < wanted; ++i) {
        const pid_t pid = fork();
        if (pid == 0) {
            sleep(30);
            _exit(0);
        }
        if (pid < 0) break;
        children.push_back(pid);
    }
    const bool all = static_cast<int>(children.size()) == wanted;
    std::printf("%zu children\n", children.size());
    for (const pid_t pid : children) kill(pid, SIGKILL);
    return tell(all);
}

int writeFile(const char* path) {
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    return tell(fd >= 0 && write(fd, "x", 1) == 1);
}

int readFile(const char* path) {
    const int fd = open(path, O_RDONLY);
    char byte;
    return tell(fd >= 0 && read(fd, &byte, 1) == 1);
}

int connectTo(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<unsigned short>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return tell(fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

int eatMemory(std::size_t megabytes) {
    for (std::size_t i = 0; i < megabytes; ++i) {
        char* block = static_cast<char*>(std::malloc(1'000'000));
        if (!block) return tell(false);
        for (std::size_t at = 0; at < 1'000'000; at += 4096) block[at] = 1;
    }
    return tell(true);
}

// A grandchild in a session of its own that writes its process id down and stays.
int leaveGrandchild(const char* file) {
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            if (FILE* out = std::fopen(file, "w")) {
                std::fprintf(out, "%d\n", getpid());
                std::fclose(out);
            }
            sleep(600);
        }
        _exit(0);
    }
    wait(nullptr);
    std::printf("left\n");
    std::fflush(stdout);
    sleep(600);
    return 0;
}

int execute(const char* self) {
    execl(self, self, "hello", nullptr);
    return tell(false);
}

// Another way past a filter on execve: a descriptor of any number it can get hold of.
int executeByDescriptor(const char* self) {
    const int file = open(self, O_RDONLY);
    const int wanted = dup2(file, 500);
    char name[] = "hello";
    char* arguments[] = {name, name, nullptr};
    syscall(SYS_execveat, wanted >= 0 ? wanted : file, "", arguments, environ,
            0x1000 /* AT_EMPTY_PATH */);
    return tell(false);
}

}  // namespace

int main(int count, char** arguments) {
    setvbuf(stdout, nullptr, _IOLBF, 0);
    const std::string what = count > 1 ? arguments[1] : "";
    const char* value = count > 2 ? arguments[2] : "";
    if (what == "hello") return tell(true);
    if (what == "fork") return forkBomb(std::atoi(value));
    if (what == "write") return writeFile(value);
    if (what == "read") return readFile(value);
    if (what == "connect") return connectTo(std::atoi(value));
    if (what == "memory") return eatMemory(static_cast<std::size_t>(std::atoi(value)));
    if (what == "grandchild") return leaveGrandchild(value);
    if (what == "exec") return execute(arguments[0]);
    if (what == "execfd") return executeByDescriptor(arguments[0]);
    if (what == "userns") return tell(unshare(CLONE_NEWUSER) == 0);
    if (what == "socket") return tell(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    if (what == "loop") {
        for (volatile unsigned spin = 0;;) (void)spin;
    }
    if (what == "flood") {
        for (;;) std::puts("all work and no play");
    }
    std::printf("unknown\n");
    return 2;
}
