/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of the clone, of git's credential helper and of SSH.
 */
#include "clone/credential/credential.h"
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/rows/settings_rows.h"
#include "ssh/message.h"

static const struct conf_setting clone[] = {
	{SETTING("CLONE_URL", CONF_URL, clone.url, SERVE | CLONE),
	 .expected = "the https URL of a repository at GITLAB_URL's origin, without credentials",
	 .unset = "off",
	 .text = "Repository to clone. Its origin must be that of `GITLAB_URL` or "
		 "`GITLAB_API_URL`, or one of `CLONE_ORIGINS`; the token is sent to GitLab only."},
	{SETTING("CLONE_ORIGINS", CONF_CUSTOM, clone.origins, SERVE | CLONE),
	 .parse = settings_parse_origins, .format = settings_format_origins,
	 .expected = "origins, such as https://code.example.com, separated by commas",
	 .unset = "none but GitLab's",
	 .text = "Origins other than GitLab's to clone from, without credentials; at most 16. "
		 "Plain http is used only for an origin that is written with it. LFS files come "
		 "from `CLONE_LFS_ORIGINS`."},
	{SETTING("GITLAB_SSH_ADDRESS", CONF_CUSTOM, clone.gitlab_ssh,
		 SERVE | CLONE | INJECT | WEBHOOK | GIT_CONFIG),
	 .parse = settings_parse_git_ssh, .format = settings_format_git_ssh,
	 .expected =
		 "a host name, with a port where it is not 22, such as ssh.gitlab.example.com:2222",
	 .unset = "the host of `GITLAB_URL`, port 22",
	 .text = "GitLab's ssh server, as its addresses for cloning show it. Nothing connects to "
		 "it: submodules and git in the workspace use https instead of such addresses, "
		 "with the user's token."},
	{SETTING("CLONE_DIR", CONF_PATH, clone.dir, SERVE | CLONE),
	 .expected = "an absolute path other than /",
	 .text = "Directory to clone into. An existing repository is left alone. Needed with "
		 "`CLONE_URL`."},
	{SETTING("CLONE_REF", CONF_CUSTOM, clone.ref, SERVE | CLONE), .parse = settings_parse_ref,
	 .format = settings_format_text,
	 .expected = "the name of a branch or tag, a ref such as refs/merge-requests/7/head, or a "
		     "commit id",
	 .unset = "the repository's default branch",
	 .text = "What to check out: a branch or tag, another ref such as "
		 "`refs/merge-requests/7/head`, or a commit by its whole id, 40 hexadecimal "
		 "digits. The last two leave HEAD detached."},
	{SETTING("CLONE_DEPTH", CONF_INT, clone.depth, SERVE | CLONE), .fallback = "0",
	 RANGE(0, 1000000),
	 .text = "Number of commits of one branch or tag to clone, as with `git clone --depth`; "
		 "`0` is all. `CLONE_UNSHALLOW` or `git fetch --unshallow` fetches the rest."},
	{SETTING("CLONE_UNSHALLOW", CONF_BOOL, clone.unshallow, SERVE | CLONE), .fallback = "off",
	 .text = "With `CLONE_DEPTH`: fetches the rest of the history, with all branches and tags, "
		 "after the checkout and while users work. If this fails, it is tried again at the "
		 "next start. `workspace-proxy clone` on the command line does not do it."},
	{SETTING("CLONE_MEMORY", CONF_SIZE, clone.memory_bytes, SERVE | CLONE),
	 .fallback = "256MiB", RANGE(16 * 1024 * KIB, 64LL * 1024 * 1024 * KIB),
	 .text = "Memory for objects while a clone is indexed, whatever the repository's size; the "
		 "rest is in unlinked files beside the pack. Afterwards at most this much of the "
		 "pack is mapped at a time. Add about 100 bytes for each object and, at checkout, "
		 "the size of the file that is being written."},
	{SETTING("CLONE_SUBMODULES", CONF_INT, clone.submodules, SERVE | CLONE), .fallback = "0",
	 RANGE(0, 10),
	 .text = "Levels of submodules to clone; `0` is none. They come from GitLab or "
		 "`CLONE_ORIGINS`, at most 256 in all. One that fails is a warning."},
	{SETTING("CLONE_LFS", CONF_BOOL, clone.lfs, SERVE | CLONE), .fallback = "on",
	 .text = "Fetches Git LFS files with a clone, of submodules as well, from GitLab and the "
		 "object storage that it names, and configures git-lfs's filters in the clone. To "
		 "work with these files git needs git-lfs in the workspace. Files that can't be "
		 "fetched remain pointers, which is reported; `git lfs pull` fetches them later."},
	{SETTING("CLONE_LFS_ORIGINS", CONF_CUSTOM, clone.lfs_origins, SERVE | CLONE),
	 .parse = settings_parse_origins, .format = settings_format_origins,
	 .expected = "origins, such as https://code.example.com, separated by commas",
	 .unset = "none but GitLab's",
	 .text = "Origins other than GitLab's that LFS files may come from, without credentials, "
		 "at most 16: those of `CLONE_ORIGINS` whose LFS files are wanted, and the origins "
		 "of their object storage."},
	{SETTING("CLONE_RETRIES", CONF_INT, clone.retries, SERVE | CLONE), .fallback = "5",
	 RANGE(0, 20),
	 .text = "Number of retries when GitLab can't be reached, the connection breaks or stalls, "
		 "or the answer is 408, 429 or 5xx; the delay grows from half a second to 30 s. "
		 "Refusals (401, 403, 404, certificates, a full disk) are not retried."},
	{SETTING("CLONE_BYTES_MAX", CONF_SIZE, clone.bytes_max, SERVE | CLONE), .fallback = "64GiB",
	 RANGE(1024, 1024ull * 1024 * 1024 * 1024),
	 .text = "Maximum number of bytes to receive for a repository and its submodules together; "
		 "a larger one is refused, a submodule that does not fit is left out. LFS files "
		 "count at their size in the work tree: if those of a repository exceed what is "
		 "left, none of them is fetched."},
	{SETTING("CLONE_FILES_MAX", CONF_INT, clone.files_max, SERVE | CLONE),
	 .fallback = "1000000", RANGE(1, 100000000),
	 .text = "Maximum number of files and folders to check out for a repository and its "
		 "submodules together; a tree with more is refused, a submodule that does not fit "
		 "is left out."},
	{SETTING("CLONE_FILE_BYTES_MAX", CONF_SIZE, clone.file_bytes_max, SERVE | CLONE),
	 .fallback = "1GiB", RANGE(1024, 1024ull * 1024 * 1024 * 1024),
	 .text = "Maximum size of one file to check out, which is in memory while it is written. A "
		 "tree with a larger one is refused before the first file is written. LFS files "
		 "are not kept in memory; they count towards `CLONE_BYTES_MAX` only."},
	{SETTING("CLONE_UMASK", CONF_CUSTOM, clone.umask, SERVE | CLONE),
	 .parse = settings_parse_umask, .format = settings_format_umask,
	 .expected = "an octal number such as 0002", .unset = "inherited",
	 .text = "Permissions to remove from files that the clone writes. `0002` with "
		 "`CLONE_GROUP` lets other user ids of the group write, as on OpenShift."},
	{SETTING("CLONE_GROUP", CONF_CUSTOM, clone.group, SERVE | CLONE | GIT_CONFIG),
	 .parse = settings_parse_group, .format = settings_format_group,
	 .expected = "a group id that the process belongs to", .unset = "that of the process",
	 .text = "Group of files and folders that the clone writes. Folders pass it on to what is "
		 "created in them."},
	{SETTING("CLONE_MARKER", CONF_PATH, clone.marker, SERVE | CLONE),
	 .expected = "an absolute path", .unset = "none",
	 .text = "File that marks the clone as done: it is created after a clone, and nothing is "
		 "cloned where it exists. GitLab's own workspaces use "
		 "`/projects/.gl_project_cloning_successful`."},
	{SETTING("CLONE_TOKEN", CONF_SECRET, clone.token, SERVE | CLONE),
	 .unset = "the first authorized user's token",
	 .text = "Token to clone with at start. Without it the clone waits for the first "
		 "authorized user and uses their token. With it the clone waits up to a minute for "
		 "`CLONE_DIR` to become writable, because init containers that start after the "
		 "sidecar may correct permissions."},
	{SETTING("CLONE_STALL_TIMEOUT", CONF_DURATION, clone.stall_timeout_ms, SERVE | CLONE),
	 .fallback = "60s", RANGE(100, HOUR),
	 .text = "A clone without progress for this long is ended. One whose server sends progress "
		 "messages only, and no data, is ended after 30 times as long."},
};
const struct conf_group settings_clone = SETTINGS_GROUP("Clone", clone);

static const struct conf_setting git[] = {
	{SETTING("CREDENTIAL_SOCKET", CONF_CUSTOM, credential_socket, SERVE | CLONE | GIT_CONFIG),
	 .parse = settings_parse_socket, .format = settings_format_text,
	 .unset = "`" CREDENTIAL_SOCKET_NAME "` in `STATE_DIR`; without both none",
	 .expected = "an absolute path in an existing directory, or off",
	 .text = "Unix socket at which `workspace-proxy credential`, git's credential helper, gets "
		 "an access token of the signed-in user, for the origins of GitLab and of "
		 "`REGISTRY_ORIGINS` only. The workspace must be able to reach it, so it is often "
		 "better not in `STATE_DIR`. At most 107 bytes. With `AUTHORIZATION=project` it is "
		 "the token of the member who "
		 "used the workspace last, and other members control code that can ask for it: set "
		 "`OWNER_ID`, or `off`."},
	{SETTING("CREDENTIAL_UID", CONF_INT, credential_uid, SERVE), .unset = "the sidecar's own",
	 RANGE(0, UINT32_MAX - 1),
	 .text = "User id that may use `CREDENTIAL_SOCKET`. The socket has mode 0600 for the "
		 "sidecar's own user id, else 0666, and the sidecar checks the user id of each "
		 "connection."},
	{SETTING("CREDENTIAL_HELPER", CONF_TEXT, clone.helper, SERVE | CLONE | GIT_CONFIG),
	 .unset = "`!'<this program>' credential --socket '<CREDENTIAL_SOCKET>'` where there is a "
		  "socket",
	 .text = "Value of git's `credential.helper` that a clone configures for GitLab's address, "
		 "in place of other helpers; `off` configures nothing. Set it if the program or "
		 "the socket has another path in the workspace, for example in a separate "
		 "container."},
	{SETTING("REGISTRY_ORIGINS", CONF_CUSTOM, registries, SERVE),
	 .parse = settings_parse_origins, .format = settings_format_origins,
	 .expected = "origins, such as https://registry.example.com, separated by commas",
	 .unset = "none",
	 .text = "Origins of GitLab's container registry, exactly; at most 16. "
		 "`docker-credential-workspace` gives docker, podman, buildah and skopeo the "
		 "signed-in user's token for them. Unless `SCOPE` is set, `read_registry` and "
		 "`write_registry` are requested too; the application at GitLab must have them."},
};
const struct conf_group settings_git = SETTINGS_GROUP("Git in the workspace", git);

static const struct conf_setting ssh[] = {
	{SETTING("SSH_SOCKET", CONF_CUSTOM, ssh.socket, SERVE), .parse = settings_parse_ssh_socket,
	 .format = settings_format_ssh_socket, .unset = "off",
	 .expected = "an absolute path of at most 107 bytes",
	 .text = "Unix socket of `workspace-ssh`, the helper in the IDE's container that starts "
		 "sshd for one connection at a time. Turns on SSH for desktop IDEs and terminals: "
		 "see [ssh.md](ssh.md)."},
	{SETTING("SSH_UPSTREAM", CONF_ADDRESS, ssh.upstream, SERVE), .unset = "off",
	 .text = "In place of `SSH_SOCKET`: the loopback address of an sshd that the image runs, "
		 "such as `127.0.0.1:60022`. That sshd authenticates users itself."},
	{SETTING("SSH_UPSTREAM_HOST_KEY", CONF_CUSTOM, ssh.upstream_host_key, SERVE),
	 .flags = CONF_HIDDEN, /* some will put the private key here */
	 .parse = settings_parse_ssh_host_key, .format = settings_format_text,
	 .expected = "a public key, such as ssh-ed25519 AAAA…",
	 .unset = "**required** with `SSH_UPSTREAM`",
	 .text = "Public host key of the sshd at `SSH_UPSTREAM`, of type `ssh-ed25519` or "
		 "`ecdsa-sha2-nistp256`: the content of `/etc/ssh/ssh_host_ed25519_key.pub`, or "
		 "with `_FILE` its path. Users' computers accept no other key."},
	{SETTING("SSH_UPSTREAM_USER", CONF_TEXT, ssh.upstream_user, SERVE),
	 .fallback = "gitlab-workspaces", .is_valid = ssh_user_is_valid,
	 .expected = "a user name of at most 32 letters, digits, '.', '_' and '-'",
	 .text = "User that users' computers log in as at `SSH_UPSTREAM`."},
	{SETTING("SSH_TUNNELS_MAX", CONF_INT, ssh.tunnels_max, SERVE), .fallback = "64",
	 RANGE(1, 10000),
	 .text = "Maximum number of concurrent SSH connections; further ones get 429. They count "
		 "towards `WEBSOCKETS_MAX` as well."},
};
const struct conf_group settings_ssh = SETTINGS_GROUP("SSH", ssh);
