/* The floor: what a connection costs in C on epoll(7), with nothing counted but the total.
 *
 * floor ADDRESS PORT CONCURRENCY SECONDS close|keep
 *
 * close: socket, connect, send, receive to the server's FIN, close; and again. The server closes
 * first, so no port stays in TIME_WAIT here. keep: CONCURRENCY connections, a request after each
 * response. Nothing of the response is parsed: it is taken to arrive in one piece. Prints the
 * rate per second.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char request[] = "GET / HTTP/1.1\r\nHost: floor\r\n\r\n";
static struct sockaddr_in server = {.sin_family = AF_INET};
static int epoll;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static void fail(const char *call)
{
    perror(call);
    exit(1);
}

/* Watch a connection; `how` is EPOLL_CTL_ADD or EPOLL_CTL_MOD. */
static void watch(int connection, int how, unsigned events)
{
    struct epoll_event event = {.events = events | EPOLLRDHUP, .data.fd = connection};
    if (epoll_ctl(epoll, how, connection, &event) < 0)
        fail("epoll_ctl");
}

/* Send the request; 0 where the handshake is not over yet. */
static int ask(int connection)
{
    if (send(connection, request, sizeof request - 1, MSG_NOSIGNAL) > 0)
        return 1;
    if (errno != EAGAIN)
        fail("send");
    return 0;
}

/* On a local link the handshake is over when connect(2) returns: the request goes out at once. */
static void begin(void)
{
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection < 0)
        fail("socket");
    if (connect(connection, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS)
        fail("connect");
    watch(connection, EPOLL_CTL_ADD, ask(connection) ? EPOLLIN : EPOLLOUT);
}

/* Go on with a connection that is ready; return how many responses have ended. */
static int go_on(int connection, unsigned events, int keeps)
{
    char response[8192];
    if (events & EPOLLOUT) {
        if (ask(connection))
            watch(connection, EPOLL_CTL_MOD, EPOLLIN);
        return 0;
    }
    ssize_t length = recv(connection, response, sizeof response, 0);
    if (length < 0)
        fail("recv");
    if (keeps && length > 0)
        return ask(connection);
    /* Once EPOLLRDHUP is set the FIN has come, and what was read was the last of it. */
    if (length > 0 && !(events & EPOLLRDHUP))
        return 0;
    close(connection);
    begin();
    return 1;
}

int main(int count, char **words)
{
    struct epoll_event events[64];
    long done = 0;
    if (count != 6 || inet_pton(AF_INET, words[1], &server.sin_addr) != 1) {
        fprintf(stderr, "usage: floor ADDRESS PORT CONCURRENCY SECONDS close|keep\n");
        return 2;
    }
    server.sin_port = htons(atoi(words[2]));
    int keeps = strcmp(words[5], "keep") == 0;
    if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        fail("epoll_create1");
    double begun_s = now_s(), end_s = begun_s + atof(words[4]), at_s;
    for (int left = atoi(words[3]); left > 0; left--)
        begin();
    while ((at_s = now_s()) < end_s) {
        int ready = epoll_wait(epoll, events, 64, 1000);
        for (int i = 0; i < ready; i++)
            done += go_on(events[i].data.fd, events[i].events, keeps);
    }
    printf("%.1f\n", done / (at_s - begun_s));
    return 0;
}
