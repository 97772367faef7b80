"""What results are known not to be valid for, in English and Chinese."""

from __future__ import annotations

__all__ = ["LIMITS"]

#: The same list as ``docs/validity.md``, in its order: head and text, in English and Chinese.
LIMITS: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = (
    (
        ("Rack occupancy.",
         "Racks are not simulated. The target of rack occupancy is held against the share of "
         "accelerators busy, which is lower than the share of racks let."),
        ("机柜上架率。", "未仿真机柜;上架率目标以加速卡忙碌占比衡量,低于实际出租率。"),
    ),
    (
        ("Absolute serving latency of engines nobody measured.",
         "Rates of accelerators in topologies are roofline estimates (grade estimated). Two "
         "devices are met within 3 % in the mean under continuous batching; elsewhere differences "
         "between sites, policies and loads are meaningful, a TTFT of one model on one card is not "
         "a measurement."),
        ("未经实测的推理引擎的绝对时延。",
         "拓扑中加速卡的速率为屋顶线模型估计(等级:估计)。"
         "连续批处理下有两种设备的均值误差在 3 % 以内;其余情形下站点、策略与负载之间的差异有意义,"
         "而单一模型在单张卡上的 TTFT 并非测量值。"),
    ),
    (
        ("Prices of data transfer.",
         "No public list was found; the figures are orders of magnitude."),
        ("数据传输价格。", "未见公开价目,仅为数量级。"),
    ),
    (
        ("Spot electricity markets.",
         "Tariffs are time-of-use, unless a site is given a measured series; Gansu, Shanxi, "
         "Shandong, Guangdong and West Inner Mongolia also have spot prices."),
        ("电力现货市场。",
         "采用分时电价，除非为站点给出实测序列；甘肃、山西、山东、广东与蒙西另有现货价格。"),
    ),
    (
        ("Hourly or marginal emissions.",
         "Grid factors are annual means by province, unless a site is given a measured series."),
        ("逐时或边际排放。", "电网排放因子为各省年均值,除非为站点给定实测序列。"),
    ),
    (
        ("Green power by the hour.",
         "Contracts are taken as a flat profile, so the hourly-matched share is an upper estimate "
         "for solar contracts. Generation on site and on direct lines is matched slot by slot "
         "where energy.model is full, but its capacities are assumptions."),
        ("逐时绿电。",
         "绿电合同按平坦出力计,对光伏合同而言逐时匹配占比偏高。energy.model 为 full 时,"
         "站内与直连发电按时段匹配,但其容量为假设。"),
    ),
    (
        ("Single days of weather.",
         "A typical year has the right means and persistence; no day of it happened."),
        ("单日天气。", "典型年的均值与持续性正确,但其中没有任何一天真实发生过。"),
    ),
    (
        ("Demand charge of a short run.",
         "The highest slot of the run stands for the month's, and the charge is taken for the "
         "share of the month the run covers."),
        ("短时段运行的需量电费。", "以运行期内最高时段代表全月最大需量,按运行所占月份比例计费。"),
    ),
    (
        ("Power caps and power states of accelerators.",
         "The cube root and the power of a server that is off are textbook and judgement, not "
         "measurements; order of magnitude only."),
        ("加速卡的功率封顶与电源状态。",
         "立方根关系与关机服务器的功率来自教科书与判断,并非测量,仅为数量级。"),
    ),
    (
        ("Failures of serving accelerators.",
         "Failures of servers, where they are sampled, stop jobs; replicas fail only with their "
         "site."),
        ("推理加速卡的故障。", "服务器故障(若抽样)只中断作业;推理副本仅随站点一同失效。"),
    ),
)  # fmt: skip
