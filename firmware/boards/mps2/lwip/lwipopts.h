/* lwIP 2.1.3 for one TCP connection to the broker, without an operating system. */
#pragma once

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0 /* lwIP runs in the main loop only; interrupts never call it */
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_NETIF_API 0

#define MEM_ALIGNMENT 4
#define MEM_SIZE (4 * 1024)
#define MEMP_NUM_PBUF 24
#define PBUF_POOL_SIZE 6
#define PBUF_POOL_BUFSIZE 1536
#define MEMP_NUM_TCP_PCB 3
#define MEMP_NUM_TCP_PCB_LISTEN 1
#define MEMP_NUM_TCP_SEG 16
#define MEMP_NUM_UDP_PCB 2

#define TCP_MSS 1460
#define TCP_WND (4 * TCP_MSS) /* a larger window overruns the 10.5 KB receive FIFO of the LAN9118 */
#define TCP_SND_BUF (2 * TCP_MSS)
#define TCP_SND_QUEUELEN 12
#define TCP_QUEUE_OOSEQ 0
#define LWIP_TCP_KEEPALIVE 0

#define LWIP_IPV6 0
#define LWIP_DNS 0
#define LWIP_DHCP 1
#define LWIP_AUTOIP 0
#define LWIP_IGMP 0
#define LWIP_RAW 0
#define LWIP_ICMP 1
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_STATS 1 /* heap use goes into the telemetry */
#define MEM_STATS 1
#define LINK_STATS 0
#define ETHARP_STATS 0
#define IP_STATS 0
#define ICMP_STATS 0
#define UDP_STATS 0
#define TCP_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_SINGLE_NETIF 1
#define ARP_TABLE_SIZE 4
#define ARP_QUEUEING 0
