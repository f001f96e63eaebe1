/* The web socket, the third program of PEP 789: a connection that hides a
   group, with a task in it that answers pings. */
#include <kin.h>

typedef struct socket {
    int received;
} socket;

static kin_error *answer_pings(void *arg)
{
    (void)arg;
    kin_error *err = kin_sleep_forever();
    printf("   no more pings are answered\n");
    return err;
}

static kin_error *receive(socket *s, int *message)
{
    KIN_TRY(kin_sleep(KIN_SECONDS(1)));
    *message = ++s->received;
    return NULL;
}

/* A context: it sets up, hands out, and tears down when the block ends. Its
   yield inside a group is allowed: the group becomes the caller's. */
static kin_error *web_socket(kin_generator *self, void *url)
{
    socket s = {0};
    KIN_GROUP(connection);
    kin_spawn(connection, answer_pings, NULL);
    printf("   connected to %s\n", (char *)url);
    kin_error *err = kin_yield(self, &s);
    kin_group_cancel(connection, "disconnected");
    return kin_group_close(connection, err);
}

/* Broken: no group in sight, and yet one is open at the yield: the context's.
   What counts is what is open when it runs, not what is written here. */
static kin_error *messages_broken(kin_generator *self, void *url)
{
    socket *s;
    int message;
    kin_error *err = NULL;
    KIN_CONTEXT(connected, web_socket, url);
    KIN_TRY_TO(done, err, kin_context_enter(connected, &s));
    for (;;) {
        KIN_TRY_TO(done, err, receive(s, &message));
        KIN_TRY_TO(done, err, kin_yield(self, &message));
    }
done:
    return kin_context_close(connected, err);
}

static kin_error *use_broken(void)
{
    int *message;
    KIN_GENERATOR(messages, messages_broken, "example.org");
    return kin_generator_close(messages, kin_next(messages, &message));
}

/* Right: who reads the messages opens the connection, and it is as long open as
   the block is. The generator has nothing of its own open. */
static kin_error *messages_of(kin_generator *self, void *from)
{
    for (int message;;) {
        KIN_TRY(receive(from, &message));
        KIN_TRY(kin_yield(self, &message));
    }
}

static kin_error *use(void)
{
    socket *s;
    int *message;
    KIN_CONTEXT(connected, web_socket, "example.org");
    KIN_TRY(kin_context_enter(connected, &s));
    KIN_GENERATOR(messages, messages_of, s);
    kin_error *err = NULL;
    for (int i = 0; i < 2 && !err; i++) {
        err = kin_next(messages, &message);
        if (!err)
            printf("   message %d\n", *message);
    }
    return kin_context_close(connected, kin_generator_close(messages, err));
}

static kin_error *run(void *arg)
{
    (void)arg;
    printf("broken:\n");
    kin_error *err = use_broken();
    kin_error_print(err, stdout);
    kin_error_free(err);
    printf("right:\n");
    return use();
}

int main(void)
{
    return kin_main(run, NULL, .clock = KIN_CLOCK_VIRTUAL);
}

/* Ends with status 0, and prints:

broken:
   connected to example.org
   no more pings are answered
group "connection" (1 sub-error)
│  at examples/13-web-socket.c:29 in web_socket
└─ 1. yield prevented: generator "messages" cannot yield here: group
      "connection" (opened at examples/13-web-socket.c:29) is still open
      at examples/13-web-socket.c:48 in messages_broken, task "run"
      run at examples/13-web-socket.c:100 in main
right:
   connected to example.org
   message 1
   message 2
   no more pings are answered
*/
