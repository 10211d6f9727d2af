{{/* nginx.conf of the router, as in container/kubernetes/gitlab. */}}
{{- define "workspace-proxy.routerConfig" -}}
{{- $it := .Values.gitlabWorkspaces -}}
# Sends the hosts of GitLab's workspaces, <port>-<name>.<zone>, to their Services.
worker_processes auto;
worker_shutdown_timeout 280s;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events {
	worker_connections 8192;
}
http {
	# Sidecars log requests.
	access_log off;
	server_tokens off;
	client_body_temp_path /tmp/client;
	proxy_temp_path /tmp/proxy;
	fastcgi_temp_path /tmp/fastcgi;
	uwsgi_temp_path /tmp/uwsgi;
	scgi_temp_path /tmp/scgi;

	# The cluster's name server is asked when a request comes, so workspaces may come and go.
	resolver {{ $it.resolver }} valid=5s ipv6=off;
	resolver_timeout 3s;

	# Service and namespace: the agent's names are workspace-<agent>-<user>-<random> in gl-rd-ns-<agent>-<user>-<random>
	# until GitLab 18, and <fruit>-<animal>-<color> in gl-rd-ns-<fruit>-<animal>-<color> since.
	map $host $workspace {
		default "";
		"~^[1-9][0-9]{0,4}-workspace-(?<numbers>[0-9]+-[0-9]+-[a-z0-9]+)\.{{ .Values.webhook.zone | replace "." "\\." }}$" workspace-$numbers.{{ $it.sharedNamespace | default "gl-rd-ns-$numbers" }};
		"~^[1-9][0-9]{0,4}-(?<name>[a-z0-9][a-z0-9-]*)\.{{ .Values.webhook.zone | replace "." "\\." }}$" $name.{{ $it.sharedNamespace | default "gl-rd-ns-$name" }};
	}
	map $http_upgrade $connection_header {
		default upgrade;
		"" "";
	}

	server {
		listen 8443 ssl http2;
		ssl_certificate /etc/nginx/tls/tls.crt;
		ssl_certificate_key /etc/nginx/tls/tls.key;
		ssl_protocols TLSv1.2 TLSv1.3;
		client_max_body_size 0;

		location / {
			if ($workspace = "") {
				return 421;
			}
			# The port that leads to the sidecar, which also serves the hosts of other ports.
			proxy_pass https://$workspace.svc.{{ $it.clusterDomain }}:60001;
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_header;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-Forwarded-Proto https;
			proxy_ssl_server_name on;
			proxy_ssl_name $host;
			proxy_buffering off;
			proxy_request_buffering off;
			proxy_connect_timeout 5s;
			proxy_read_timeout 1h;
			proxy_send_timeout 1h;
		}
	}

	server {
		listen 8081;

		location = /ping {
			return 200;
		}
	}
}
{{- end }}
