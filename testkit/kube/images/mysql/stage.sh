# It runs with the C library it came with, which may be newer than this machine's.
triplet=$(uname -m)-linux-gnu
put "$cache/mysql/root/usr/sbin/mysqld" /usr/sbin/mysqld
put "$cache/mysql/root/usr/lib/$triplet" /usr/lib/
put "$cache/mysql/root/usr/lib64" /usr/
for folder in lib lib64; do ln -s "usr/$folder" "$context/root/$folder"; done
rm -rf "$context/root/usr/lib/$triplet"/{gconv,engines-3,libicutest*,libicutu*}
put "$cache/mysql/root/usr/share/mysql/english" /usr/share/mysql/
put "$cache/mysql/root/usr/share/mysql/charsets" /usr/share/mysql/
put "$cache/kube-node/root/bin/busybox" /bin/busybox
for applet in sh cat; do ln -s busybox "$context/root/bin/$applet"; done

mkdir -p "$context"/root/var/{lib/mysql,run/mysqld}
printf '%s\n' '[mysqld]' datadir=/var/lib/mysql socket=/var/run/mysqld/mysqld.sock secure-file-priv=NULL > "$context/root/etc/my.cnf"
cat > "$context/root/bin/entrypoint" << 'END'
#!/bin/sh
# Our manifests rely on the first start: it creates root's password, the database, and the user with all rights to it.
set -eu
case ${1:-} in -* | '') set -- mysqld "$@" ;; esac
data=/var/lib/mysql
for word; do
    case $word in --datadir=*) data=${word#*=} ;; esac
done
if [ ! -d "$data/mysql" ]; then
    "$@" --initialize-insecure
    host=${MYSQL_ROOT_HOST:-%}
    {
        echo "ALTER USER root@localhost IDENTIFIED BY '$(cat "$MYSQL_ROOT_PASSWORD_FILE")';"
        echo "CREATE USER IF NOT EXISTS root@'$host' IDENTIFIED BY '$(cat "$MYSQL_ROOT_PASSWORD_FILE")';"
        echo "GRANT ALL ON *.* TO root@'$host' WITH GRANT OPTION;"
        echo "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;"
        echo "CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$(cat "$MYSQL_PASSWORD_FILE")';"
        echo "GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';"
    } > /tmp/first-start.sql
    set -- "$@" --init-file=/tmp/first-start.sql
fi
exec "$@"
END
chmod +x "$context/root/bin/entrypoint"
