"""Other words for the concepts of the drawings, and the kinds that they belong to.

A kind names all of its members that are drawn, so that asking for "fruit" never punishes a fruit that was found.
"""

from __future__ import annotations

ANYTHING = ("object", "thing", "item")

SYNONYMS: dict[str, tuple[str, ...]] = {
    "accordion": ("squeezebox",),
    "adhesive bandage": ("plaster", "band aid"),
    "airplane": ("aeroplane", "plane", "jet"),
    "athletic shoe": ("sneaker", "running shoe", "trainer"),
    "aubergine": ("eggplant", "purple vegetable"),
    "automobile": ("car", "red car"),
    "avocado": ("green fruit with a stone",),
    "baguette bread": ("baguette", "french bread"),
    "banana": ("yellow fruit",),
    "bear face": ("bear", "brown bear"),
    "beer mug": ("beer", "glass of beer"),
    "bell pepper": ("green pepper", "capsicum"),
    "bicycle": ("bike", "cycle"),
    "billed cap": ("baseball cap", "cap"),
    "birthday cake": ("cake", "cake with candles"),
    "black scissors": ("scissors", "pair of scissors"),
    "black telephone": ("telephone", "phone"),
    "blossom": ("yellow flower", "flower"),
    "blowfish": ("puffer fish",),
    "broccoli": ("green vegetable",),
    "bus": ("coach", "public bus"),
    "camera": ("photo camera", "digital camera"),
    "carpentry saw": ("saw", "hand saw"),
    "carrot": ("orange vegetable",),
    "cat": ("kitten", "house cat"),
    "cat face": ("cat head", "head of a cat"),
    "cheese wedge": ("cheese", "piece of cheese"),
    "coat": ("jacket",),
    "control knobs": ("knobs", "dials"),
    "couch and lamp": ("sofa", "couch"),
    "cow face": ("cow head",),
    "crocodile": ("alligator",),
    "cup with straw": ("soft drink", "paper cup"),
    "dark sunglasses": ("sunglasses",),
    "deciduous tree": ("tree", "green tree"),
    "delivery truck": ("truck", "lorry"),
    "desktop computer": ("computer monitor", "screen"),
    "dog": ("puppy", "hound"),
    "doughnut": ("donut", "ring cake"),
    "dove of peace": ("dove", "white bird"),
    "drum with drumsticks": ("drum",),
    "dvd": ("disc",),
    "ear of maize": ("corn", "corn cob"),
    "electric light bulb": ("light bulb", "bulb"),
    "electric plug": ("plug", "power plug"),
    "envelope": ("letter", "mail"),
    "evergreen tree": ("pine tree", "conifer", "fir"),
    "extraterrestrial alien": ("alien",),
    "eyeglasses": ("glasses", "spectacles"),
    "father christmas": ("santa claus",),
    "file folder": ("folder",),
    "fire engine": ("fire truck",),
    "flat shoe": ("ballerina shoe",),
    "fork and knife": ("cutlery", "silverware"),
    "fox face": ("fox", "head of a fox"),
    "french fries": ("fries", "chips"),
    "frog face": ("frog", "green frog"),
    "game die": ("dice", "die"),
    "gear": ("cog wheel", "cog"),
    "gem stone": ("diamond", "jewel"),
    "giraffe face": ("giraffe",),
    "glass of milk": ("milk",),
    "green apple": ("apple",),
    "green salad": ("salad", "bowl of salad"),
    "hamburger": ("burger", "cheeseburger"),
    "hammer": ("claw hammer",),
    "hamster face": ("hamster",),
    "headphone": ("headphones", "headset"),
    "heavy black heart": ("red heart",),
    "high-heeled shoe": ("high heel", "red shoe"),
    "hocho": ("kitchen knife", "knife"),
    "honeybee": ("bee",),
    "horse face": ("head of a horse",),
    "hot beverage": ("cup of coffee", "coffee", "tea"),
    "hot pepper": ("chili", "red pepper"),
    "house building": ("house", "home"),
    "ice cream": ("bowl of ice cream",),
    "jack-o-lantern": ("pumpkin",),
    "jeans": ("trousers", "blue trousers"),
    "key": ("golden key",),
    "kiwifruit": ("kiwi",),
    "lady beetle": ("ladybug", "ladybird"),
    "leafy green": ("lettuce", "green leaves"),
    "left-pointing magnifying glass": ("magnifying glass", "magnifier"),
    "right-pointing magnifying glass": ("magnifying glass", "loupe"),
    "lemon": ("yellow citrus fruit",),
    "lion face": ("lion",),
    "lock": ("padlock",),
    "lower left ballpoint pen": ("pen", "ballpoint pen"),
    "lower left crayon": ("crayon",),
    "lower left fountain pen": ("fountain pen",),
    "luggage": ("suitcase",),
    "mans shoe": ("leather shoe", "brown shoe"),
    "microbe": ("germ", "virus", "bacterium"),
    "mobile phone": ("smartphone", "cell phone"),
    "monkey face": ("monkey head",),
    "motor scooter": ("moped", "scooter"),
    "mouse face": ("mouse head",),
    "necktie": ("tie",),
    "nut and bolt": ("bolt", "screw", "fastener"),
    "octagonal sign": ("stop sign",),
    "oil drum": ("barrel", "drum"),
    "open book": ("book",),
    "optical disc": ("cd", "compact disc"),
    "package": ("cardboard box", "parcel", "box"),
    "palm tree": ("palm", "tropical tree"),
    "panda face": ("panda",),
    "personal computer": ("laptop", "notebook computer"),
    "pig face": ("pig head",),
    "pill": ("capsule", "medicine"),
    "playing card black joker": ("playing card", "joker"),
    "potted plant": ("house plant", "plant in a pot"),
    "public address loudspeaker": ("loudspeaker",),
    "rabbit face": ("bunny", "rabbit head"),
    "robot face": ("robot",),
    "roll of paper": ("toilet paper", "toilet roll"),
    "rose": ("red flower",),
    "rugby football": ("rugby ball",),
    "sailboat": ("sailing boat", "yacht"),
    "school satchel": ("backpack", "school bag"),
    "shopping trolley": ("shopping cart", "trolley"),
    "shrimp": ("prawn",),
    "slice of pizza": ("pizza",),
    "soccer ball": ("football",),
    "spaghetti": ("pasta", "noodles"),
    "spiral shell": ("sea shell", "shell"),
    "spouting whale": ("whale",),
    "steam locomotive": ("locomotive", "steam train"),
    "straight ruler": ("ruler",),
    "strawberry": ("red berry",),
    "sun with face": ("sun",),
    "sunflower": ("yellow flower",),
    "t-rex": ("tyrannosaurus", "dinosaur"),
    "t-shirt": ("shirt", "tee"),
    "tangerine": ("orange", "mandarin"),
    "taxi": ("cab",),
    "teddy bear": ("stuffed animal", "plush toy"),
    "television": ("tv", "tv set"),
    "tiger face": ("head of a tiger",),
    "tomato": ("red vegetable",),
    "toolbox": ("tool case",),
    "top hat": ("black hat",),
    "turkey": ("turkey bird",),
    "turtle": ("tortoise",),
    "video game": ("game controller", "gamepad"),
    "wastebasket": ("trash can", "bin"),
    "watch": ("wrist watch", "wristwatch"),
    "watermelon": ("slice of melon", "melon slice"),
    "womans hat": ("straw hat", "sun hat"),
    "wood": ("log", "timber"),
    "wrench": ("spanner",),
    "wolf face": ("wolf",),
    "zebra face": ("zebra",),
}


def _members(names: str) -> frozenset[str]:
    return frozenset(name.strip() for name in names.split(","))


KINDS: dict[str, frozenset[str]] = {
    "fruit": _members(
        "banana, grapes, melon, watermelon, tangerine, lemon, pineapple, mango, red apple, green apple, pear, "
        "peach, cherries, strawberry, blueberries, kiwifruit, coconut, olive, avocado, tomato"
    ),
    "vegetable": _members(
        "aubergine, potato, carrot, ear of maize, hot pepper, bell pepper, cucumber, leafy green, broccoli, garlic, "
        "onion, tomato, ginger root, pea pod, roasted sweet potato, beans, mushroom, brown mushroom"
    ),
    "bird": _members(
        "bird, baby chick, front-facing baby chick, hatching chick, chicken, rooster, turkey, duck, eagle, owl, dodo, "
        "flamingo, peacock, parrot, swan, penguin, dove of peace, black bird, goose"
    ),
    "insect": _members(
        "ant, bug, honeybee, lady beetle, beetle, cricket, cockroach, fly, mosquito, butterfly"
    ),
    "sea animal": _members(
        "fish, tropical fish, blowfish, shark, whale, spouting whale, dolphin, seal, octopus, squid, crab, lobster, "
        "shrimp, oyster, coral, spiral shell, jellyfish, turtle"
    ),
    "vehicle": _members(
        "automobile, oncoming automobile, taxi, oncoming taxi, police car, oncoming police car, bus, oncoming bus, "
        "minibus, ambulance, fire engine, delivery truck, articulated lorry, tractor, racing car, racing motorcycle, "
        "motor scooter, auto rickshaw, bicycle, scooter, pickup truck, recreational vehicle, trolleybus, tram, "
        "tram car, train, metro, light rail, railway car, high-speed train, high-speed train with bullet nose, "
        "steam locomotive, monorail, mountain railway, suspension railway, manual wheelchair, motorized wheelchair, "
        "station"
    ),
    "boat": _members(
        "sailboat, canoe, rowboat, speedboat, motor boat, ship, passenger ship, ferry"
    ),
    "ball": _members(
        "soccer ball, baseball, softball, basketball and hoop, volleyball, american football, rugby football, "
        "ball of yarn, billiards, bowling, mirror ball, crystal ball, tennis racquet and ball"
    ),
    "shoe": _members(
        "mans shoe, athletic shoe, hiking boot, flat shoe, high-heeled shoe, womans sandal, womans boots, "
        "ballet shoes, thong sandal, ice skate, roller skate, ski and ski boot"
    ),
    "hat": _members(
        "top hat, womans hat, billed cap, graduation cap, military helmet, helmet with white cross, crown"
    ),
    "clothing": _members(
        "t-shirt, jeans, shorts, dress, coat, kimono, sari, bikini, one-piece swimsuit, briefs, socks, gloves, scarf, "
        "necktie, lab coat, safety vest, womans clothes, running shirt with sash, martial arts uniform"
    ),
    "musical instrument": _members(
        "guitar, violin, trumpet, saxophone, accordion, banjo, drum with drumsticks, long drum, musical keyboard, "
        "postal horn, maracas, flute, harp, trombone"
    ),
    "flower": _members(
        "rose, tulip, sunflower, hibiscus, blossom, cherry blossom, bouquet, lotus, hyacinth, wilted flower, "
        "white flower, rosette"
    ),
    "tree": _members(
        "evergreen tree, deciduous tree, palm tree, christmas tree, tanabata tree, leafless tree, pine decoration"
    ),
    "book": _members(
        "open book, closed book, green book, blue book, orange book, books, notebook, ledger, "
        "notebook with decorative cover"
    ),
    "drink": _members(
        "hot beverage, teacup without handle, beer mug, clinking beer mugs, wine glass, cocktail glass, "
        "tropical drink, tumbler glass, glass of milk, bubble tea, cup with straw, beverage box, mate drink, "
        "sake bottle and cup, bottle with popping cork, clinking glasses, baby bottle"
    ),
    "bread": _members("bread, croissant, baguette bread, flatbread, pretzel, bagel"),
    "sweet food": _members(
        "doughnut, cookie, birthday cake, shortcake, cupcake, pie, chocolate bar, candy, lollipop, custard, honey pot, "
        "ice cream, soft ice cream, shaved ice, moon cake, fortune cookie, pancakes, waffle, dango"
    ),
    "heart": _members(
        "heavy black heart, orange heart, yellow heart, green heart, blue heart, purple heart, brown heart, "
        "black heart, white heart, broken heart, heart with arrow, heart with ribbon, sparkling heart, "
        "growing heart, beating heart, revolving hearts, two hearts, heart decoration, "
        "heavy heart exclamation mark ornament, pink heart, "
        "light blue heart, grey heart, anatomical heart, black heart suit, couple with heart, heart hands"
    ),
    "square": _members(
        "large red square, large orange square, large yellow square, large green square, large blue square, "
        "large purple square, large brown square, black large square, white large square, black medium square, "
        "white medium square, black medium small square, white medium small square, black small square, "
        "white small square"
    ),
    "phone": _members(
        "mobile phone, mobile phone off, mobile phone with rightwards arrow at left, telephone receiver, "
        "black telephone, vibration mode, no mobile phones, pager, fax machine"
    ),
    "clock": _members(
        "alarm clock, stopwatch, timer clock, mantelpiece clock, watch, hourglass, hourglass with flowing sand, "
        "clock face one oclock, clock face two oclock, clock face three oclock, clock face four oclock, "
        "clock face five oclock, clock face six oclock, clock face seven oclock, clock face eight oclock, "
        "clock face nine oclock, clock face ten oclock, clock face eleven oclock, clock face twelve oclock, "
        "clock face one-thirty, clock face two-thirty, clock face three-thirty, clock face four-thirty, "
        "clock face five-thirty, clock face six-thirty, clock face seven-thirty, clock face eight-thirty, "
        "clock face nine-thirty, clock face ten-thirty, clock face eleven-thirty, clock face twelve-thirty"
    ),
    "medal": _members(
        "first place medal, second place medal, third place medal, sports medal, military medal"
    ),
}
