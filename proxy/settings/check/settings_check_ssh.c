/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of SSH_UPSTREAM: the sshd must be on loopback, and its host key must be given.
 */
#include "proxy/settings/check/settings_check.h"

static void
check_upstream(struct settings_check *c)
{
	const struct address *a = &c->s->ssh.upstream;
	char text[ADDRESS_TEXT_MAX];
	struct ip ip;

	if (!address_is_set(a))
		return;
	address_format(a, text, sizeof(text));
	if (!address_get_ip(a, &ip) || !ip_is_loopback(&ip) || address_port(a) == 0)
		conf_problem(c->problems, VAR("SSH_UPSTREAM"),
			     "got \"%s\"; expected a loopback address with a port, such as "
			     "127.0.0.1:60022",
			     text);
	else if (!settings_check_is_given(c, "SSH_UPSTREAM_HOST_KEY"))
		conf_problem(c->problems, VAR("SSH_UPSTREAM_HOST_KEY"),
			     "needed together with SSH_UPSTREAM, and not set: the public key that "
			     "users' computers accept");
}

void
settings_check_ssh(struct settings_check *c)
{
	static const char *const names[] = {"SSH_UPSTREAM_HOST_KEY", "SSH_UPSTREAM_USER"};

	if (address_is_set(&c->s->ssh.upstream) && address_is_set(&c->s->ssh.socket))
		conf_problem(c->problems, VAR("SSH_UPSTREAM"),
			     "set together with SSH_SOCKET; expected one of the two");
	check_upstream(c);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (settings_check_is_given(c, names[i]) &&
		    !settings_check_is_reported(c, names[i]) &&
		    !settings_check_is_given(c, "SSH_UPSTREAM"))
			conf_problem(c->problems, arena_printf(&c->s->arena, VAR("%s"), names[i]),
				     "needs SSH_UPSTREAM, which is not set");
}
